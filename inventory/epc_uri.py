"""EPC URIs: `urn:epc:tag:sgtin-96:3.0614141.812345.6789` (what a tag holds), `urn:epc:id:...` (what it identifies)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inventory.errors import EpcError

_ESCAPED: Final = frozenset('"#%&/<>?')
"""Characters that stand percent-encoded in an EPC URI (TDS 6.3.1, table 6-1 and after)."""
_URI: Final = re.compile(r"urn:epc:(?P<form>id|tag):(?P<scheme>[a-z0-9-]+):(?P<fields>.+)")
_DAMAGED_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class EpcUri:
    """An EPC URI in its parts."""

    scheme: str
    """Such as `sgtin-96` in a tag URI, `sgtin` in a pure identity."""
    filter_value: int | None
    """None in a pure identity."""
    body: str
    """The fields, dots between them, still escaped; only the scheme knows how many there are."""

    def split(self, count: int) -> list[str]:
        """The fields; the last one (a serial number) may hold dots itself.

        Raises:
            EpcError: another number of fields (`uri`).
        """
        fields = self.body.split(".", count - 1)
        if len(fields) != count:
            raise EpcError("uri", f"{self.scheme}:{self.body}: expected {count} fields, got {len(fields)}")
        return [_unescape(field) for field in fields]


def write(form: str, scheme: str, fields: Sequence[str]) -> str:
    """A URI of form `id` or `tag`; `fields` are not escaped yet."""
    return f"urn:epc:{form}:{scheme}:" + ".".join(_escape(field) for field in fields)


def parse(text: str) -> EpcUri:
    """Split an EPC URI.

    Raises:
        EpcError: not one (`uri`).
    """
    found = _URI.fullmatch(text)
    if found is None or _DAMAGED_ESCAPE.search(text):
        raise EpcError("uri", f"{text!r}: expected urn:epc:tag:scheme:... or urn:epc:id:scheme:...")
    body, filter_value = found["fields"], None
    if found["form"] == "tag":
        first, _, body = body.partition(".")
        if re.fullmatch(r"[0-7]", first) is None:
            raise EpcError("uri", f"{text!r}: filter {first!r} is not 0 to 7")
        filter_value = int(first)
    return EpcUri(found["scheme"], filter_value, body)


def _escape(text: str) -> str:
    return "".join(f"%{ord(character):02X}" if character in _ESCAPED else character for character in text)


def _unescape(text: str) -> str:
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text)
