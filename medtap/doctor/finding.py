"""One finding of the doctor."""

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What was looked at and what was found."""

    what: str
    state: Literal["ok", "optional", "broken"]
    """`optional`: not there, and needed only by what its mend names."""
    found: str
    mend: str = ""

    def to_json_dict(self) -> dict[str, str]:
        """For `--json`."""
        return asdict(self)


def ok(what: str, found: str) -> Finding:
    """It is as it must be."""
    return Finding(what, "ok", found)


def optional(what: str, found: str, mend: str) -> Finding:
    """It is not there; `mend` says who needs it and how to get it."""
    return Finding(what, "optional", found, mend)


def broken(what: str, found: str, mend: str) -> Finding:
    """It must be mended."""
    return Finding(what, "broken", found, mend)
