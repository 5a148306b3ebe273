"""Instants as whole microseconds since 1970 UTC: sums of them are exact, sums of floats are not."""

from datetime import UTC, datetime, timedelta, tzinfo

from inventory.cold_chain.errors import ColdChainError

MINUTE_US = 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """The instant as microseconds.

    Raises:
        ColdChainError: a time without zone.
    """
    if at.tzinfo is None:
        raise ColdChainError(f"time {at.isoformat()!r}: expected a time zone or an offset")
    return (at - _EPOCH) // _ONE


def from_us(at_us: int, zone: tzinfo = UTC) -> datetime:
    """The instant as a time of that zone."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)


def minutes(span_us: int) -> float:
    """A span in minutes, to a thousandth."""
    return round(span_us / MINUTE_US, 3)
