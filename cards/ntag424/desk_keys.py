"""The file with which a desk's reader judges the addresses of NTAG 424 cards: keys of a desk, by version.

    {"medtap_desk_keys": 1, "by_version": {"1": {"meta": "...", "file_master": "..."}}}

Hexadecimal digits, unsealed: a desk starts without anyone. It belongs to the user of the edge agent alone. Who gets
hold of it can forge addresses, and no card: give new cards new master keys then (`medtap card keys rotate`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cards.ntag424.keys import DeskKey, KeyMasters
from cards.ntag424.sun import SunKeys

_HEAD: Final = "medtap_desk_keys"
_FORM: Final = 1
_VERSIONS: Final = range(1, 256)
BYTES_MAX: Final = 64 * 1024


class DeskKeysError(ValueError):
    """A file of desk keys that can't be used: the message says why, without a secret."""


@dataclass(frozen=True, repr=False)
class DeskKeys:
    """Keys by version. They have no printable form."""

    by_version: Mapping[int, DeskKey]

    @classmethod
    def of(cls, masters: KeyMasters) -> "DeskKeys":
        """Those of all versions that there are masters of."""
        return cls({version: masters.desk_key(version) for version in masters.by_version})

    @property
    def versions(self) -> frozenset[int]:
        """Which versions there are keys of."""
        return frozenset(self.by_version)

    def sun_keys(self, version: int) -> SunKeys:
        """What messages of cards with keys of this version are judged with.

        Raises:
            ValueError: no keys of this version.
        """
        if version not in self.by_version:
            raise ValueError(f"key version {version!r}: no desk key of this version")
        return self.by_version[version].sun_keys

    def to_json(self) -> bytes:
        """The file's content."""
        by_version = {
            str(version): {"meta": key.meta.hex(), "file_master": key.file_master.hex()}
            for version, key in sorted(self.by_version.items())
        }
        return json.dumps({_HEAD: _FORM, "by_version": by_version}, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> "DeskKeys":
        """Read such a file.

        Raises:
            DeskKeysError: not one.
        """
        try:
            value = json.loads(content) if len(content) <= BYTES_MAX else {}
            by_version = {int(version): _key(key) for version, key in value["by_version"].items()}
            known = value[_HEAD] == _FORM and all(version in _VERSIONS for version in by_version)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            known = False
        if not known:
            raise DeskKeysError(
                f"not a file of desk keys of form {_FORM}: write it with medtap card keys export-terminal --desk"
            ) from None
        return cls(by_version)


def _key(value: Mapping[str, str]) -> DeskKey:
    return DeskKey(bytes.fromhex(value["meta"]), bytes.fromhex(value["file_master"]))
