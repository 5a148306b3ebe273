"""A thermometer's series over any span: readings for a day, hours for a month, days for a year."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal, LiteralString

from gateway.services.app_services import DbConnection
from gateway.services.reads_rows import Row, all_rows

Resolution = Literal["reading", "hour", "day"]

_RAW_SPAN_MAX: Final = timedelta(hours=36)
"""A reading every 10 s gives 12,960 points in this span: more than a screen is wide, still one quick index range."""
_HOUR_SPAN_MAX: Final = timedelta(days=62)
"""Two months are 1,488 hours."""

_RAW: Final = (
    "SELECT occurred_at AS at, temperature_celsius AS min_celsius, temperature_celsius AS max_celsius,"
    " temperature_celsius AS mean_celsius, 1 AS reading_count FROM reading WHERE device_key = %(device_key)s"
    " AND occurred_at >= %(since)s AND occurred_at < %(until)s ORDER BY occurred_at"
)
_SUMS: Final = "SELECT bucket AS at, min_celsius, max_celsius, mean_celsius, reading_count FROM "
_SPAN: Final = " WHERE device_key = %(device_key)s AND bucket >= %(since)s AND bucket < %(until)s ORDER BY bucket"
_QUERIES: Final[Mapping[Resolution, LiteralString]] = MappingProxyType(
    {"reading": _RAW, "hour": _SUMS + "reading_hour" + _SPAN, "day": _SUMS + "reading_day" + _SPAN}
)


class SeriesPoint(Row):
    """One reading, or one hour or day of readings (UTC)."""

    at: datetime
    """Time of the reading, or begin of the hour or day."""
    min_celsius: float
    max_celsius: float
    mean_celsius: float
    reading_count: int


def resolution_for(since: datetime, until: datetime) -> Resolution:
    """How fine a span is shown: each resolution keeps a chart under some thousand points."""
    span = until - since
    if span <= _RAW_SPAN_MAX:
        return "reading"
    return "hour" if span <= _HOUR_SPAN_MAX else "day"


def series(connection: DbConnection, device_key: int, since: datetime, until: datetime) -> list[SeriesPoint]:
    """The points of one thermometer in [since, until), oldest first. A gap in data is a gap: no point is made up."""
    query = _QUERIES[resolution_for(since, until)]
    return all_rows(connection, SeriesPoint, query, {"device_key": device_key, "since": since, "until": until})
