"""What all wire models share: strictness, names, limits, time."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

SCHEMA_VERSION: Final = 1
"""Version of every message here. A receiver refuses any other (it cannot know what changed)."""

FRAME_BYTES_MAX: Final = 64 * 1024
"""Largest frame on the wire, in bytes (design: at most 64 kB). A broker and a gateway can bound memory by it."""

Name = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\z")]
"""A site, edge node or device name: 1 to 63 of a-z, 0-9 and inner hyphens: fits a topic level and a host name."""

HexBytes = Annotated[str, StringConstraints(pattern=r"\A([0-9a-f]{2})*\z", max_length=4096)]
"""Bytes as lower-case hexadecimal digits."""

Epoch = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{16}\z")]
"""Random 64-bit identity of one outbox file: sequence numbers of different epochs are never compared."""

BootId = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{16}\z")]
"""Identity of one run of the monotonic clock: monotonic times of different boots are never compared."""


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        # In its own offset it is a date, in UTC it is none: before year 1 or after year 9999.
        raise ValueError("not a time that UTC can say: expected the years 1 to 9999") from None


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A point in time. Must carry an offset; kept as UTC."""


class WireModel(BaseModel):
    """A frozen message: unknown members are refused, NaN and infinity are not numbers (RFC 8259 section 6)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
