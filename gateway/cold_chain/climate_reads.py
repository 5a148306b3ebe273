"""What stood somewhere for a time went through: whole hours from their sums, the rest reading by reading.

Kept for one question (one connection, one transaction): packs that stood in the same place for the same time are looked
up once. What no thermometer and no logger measured is unknown, and told as such.
"""

# ruff: noqa: S608 - put together from our own words only

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.cold_chain.climate_keeper import interval_of, read_series
from gateway.cold_chain.scope import ABOVE
from gateway.db.pool import Connection
from gateway.records.corrections import Corrections
from inventory.cold_chain.climate import HOUR_US, HourClimate, Limits, Tally, worst_thermometer
from inventory.cold_chain.instant import from_us, to_us
from inventory.cold_chain.series import Reading, Series

_THERMOMETERS: Final = (
    f"WITH RECURSIVE {ABOVE} SELECT h.device_key, h.placed_at, h.moved_away_at, above.depth, above.place_id"
    " FROM above JOIN device_place h USING (place_id) WHERE EXISTS (SELECT FROM climate_progress c"
    " WHERE c.device_key = h.device_key) OR EXISTS (SELECT FROM rule_watch w WHERE w.device_key = h.device_key)"
    " ORDER BY above.depth, h.device_key, h.placed_at"
)
_LOGGERS: Final = (
    "SELECT report_id, first_at, last_at, interval_s FROM logger_report WHERE outcome = 'counts'"
    " AND first_at IS NOT NULL AND readings > 0"
)
_CHUNK_US: Final = 7 * 24 * HOUR_US


@dataclass(frozen=True)
class Thermometer:
    """A device that hung there for a time."""

    device_key: int
    from_us: int | None
    until_us: int | None
    place_id: str


@dataclass(frozen=True)
class Logger:
    """A report that counts for a time."""

    report_id: str
    from_us: int
    until_us: int
    interval_s: float | None


class ClimateReads:
    """Of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._thermometers: dict[str, list[Thermometer]] = {}
        self._loggers: dict[tuple[str, str], list[Logger]] = {}
        self._logger_series: dict[str, Series] = {}
        self._intervals: dict[int, float] = {}
        self._corrections: dict[int, Corrections] = {}
        self._whole_until: dict[int, int] = {}
        self._hours: dict[tuple[int, int], HourClimate] = {}
        self._loaded: dict[int, tuple[int, int]] = {}
        self._raw: dict[tuple[int, int], Series] = {}
        self._outside: dict[tuple[int, int, Limits], Tally] = {}
        self._answers: dict[tuple[str, int, int, Limits], Tally] = {}

    def at_place(self, place_id: str, from_us: int, until_us: int, limits: Limits) -> Tally:
        """In a place; with what is unknown."""
        return self._answer(("place:" + place_id), from_us, until_us, limits)

    def at_spot(self, spot: str, from_us: int, until_us: int, limits: Limits) -> Tally:
        """In a place (`place:ID`), or on the way with a document (`in_transit/ID`, `supplier/ID`)."""
        return self._answer(spot, from_us, until_us, limits)

    def thermometers(self, place_id: str) -> list[Thermometer]:
        """That speak for a place: its own, else those of the nearest place around it that may."""
        known = self._thermometers.get(place_id)
        if known is None:
            rows = self._connection.execute(_THERMOMETERS.encode(), {"place": place_id}).fetchall()
            known = [
                Thermometer(row[0], None if row[1] is None else to_us(row[1]), row[2] and to_us(row[2]), row[4])
                for row in rows
                if row[3] == rows[0][3]
            ]
            self._thermometers[place_id] = known
        return known

    def loggers(self, spot: str) -> list[Logger]:
        """Reports that are attached to a place or to a document on its way."""
        account, _, document = spot.partition("/")
        kind, key = ("document", document) if document else ("place", account.removeprefix("place:"))
        if (kind, key) not in self._loggers:
            column = "document_id::text" if kind == "document" else "place_id"
            rows = self._connection.execute(f"{_LOGGERS} AND {column} = %s ORDER BY first_at".encode(), (key,))
            self._loggers[kind, key] = [Logger(str(r[0]), to_us(r[1]), to_us(r[2]), r[3]) for r in rows]
        return self._loggers[kind, key]

    def series_of(self, device_key: int, from_us: int, until_us: int) -> Series:
        """Corrected readings of a time, for a chart."""
        return read_series(
            self._connection,
            device_key,
            _utc(from_us),
            _utc(until_us),
            interval_s=self._interval(device_key),
            corrections=self._correction(device_key),
        )

    def hours(self, device_key: int, from_us: int, until_us: int) -> list[HourClimate]:
        """The sums of the whole hours of a time, as far as there are any."""
        self._load_hours(device_key, from_us, until_us)
        found = (self._hours.get((device_key, hour)) for hour in range(from_us, until_us, HOUR_US))
        return [hour for hour in found if hour is not None]

    def logger_series(self, logger: Logger) -> Series:
        """Its readings."""
        known = self._logger_series.get(logger.report_id)
        if known is None:
            rows = self._connection.execute(
                "SELECT occurred_at, temperature_celsius FROM logger_reading WHERE report_id = %s", (logger.report_id,)
            )
            known = Series.of((Reading(*row) for row in rows), logger.interval_s)
            self._logger_series[logger.report_id] = known
        return known

    def _answer(self, spot: str, from_us: int, until_us: int, limits: Limits) -> Tally:
        key = (spot, from_us, until_us, limits)
        known = self._answers.get(key)
        if known is None:
            known = self._answers[key] = self._measure(spot, from_us, until_us, limits)
        return known.copy()

    def _measure(self, spot: str, from_us: int, until_us: int, limits: Limits) -> Tally:
        found: list[Tally] = []
        if spot.startswith("place:"):
            for thermometer in self.thermometers(spot.removeprefix("place:")):
                begin = from_us if thermometer.from_us is None else max(from_us, thermometer.from_us)
                end = until_us if thermometer.until_us is None else min(until_us, thermometer.until_us)
                if end > begin:
                    found.append(self._of_device(thermometer.device_key, begin, end, limits))
        for logger in self.loggers(spot):
            if logger.from_us < until_us and logger.until_us > from_us:
                tally = Tally()
                tally.add_series(self.logger_series(logger), from_us, until_us, limits)
                found.append(tally)
        for tally in found:
            tally.unknown_us = max(0, until_us - from_us - tally.known_us)
        return worst_thermometer(found) if found else Tally(unknown_us=max(0, until_us - from_us))

    def _of_device(self, device_key: int, from_us: int, until_us: int, limits: Limits) -> Tally:
        first_hour = -(-from_us // HOUR_US) * HOUR_US
        last_hour = min(until_us // HOUR_US * HOUR_US, self._whole(device_key))
        tally = Tally()
        if first_hour >= last_hour:
            self._add_raw(tally, device_key, from_us, until_us, limits)
            return tally
        self._add_raw(tally, device_key, from_us, first_hour, limits)
        self._load_hours(device_key, first_hour, last_hour)
        for hour_us in range(first_hour, last_hour, HOUR_US):
            hour = self._hours.get((device_key, hour_us))
            if hour is None:
                continue
            if limits.hold(hour):
                tally.add_hour(hour)
            else:
                tally.add(self._outside_hour(device_key, hour, limits))
        self._add_raw(tally, device_key, last_hour, until_us, limits)
        return tally

    def _outside_hour(self, device_key: int, hour: HourClimate, limits: Limits) -> Tally:
        key = (device_key, hour.hour_us, limits)
        known = self._outside.get(key)
        if known is None:
            known = Tally()
            self._add_raw(known, device_key, hour.hour_us, hour.hour_us + HOUR_US, limits)
            if not known.known_us:  # its readings are not kept any more: the whole hour counts as outside
                known.add_span(hour.known_us, hour.lowest, hour.highest, limits)
            self._outside[key] = known
        return known

    def _add_raw(self, tally: Tally, device_key: int, from_us: int, until_us: int, limits: Limits) -> None:
        """Reading by reading, out of blocks of days that are read once."""
        at = from_us
        while at < until_us:
            block = at // _CHUNK_US * _CHUNK_US
            end = min(until_us, block + _CHUNK_US)
            series = self._raw.get((device_key, block))
            if series is None:
                is_short = until_us - from_us <= HOUR_US
                series = self.series_of(device_key, at if is_short else block, end if is_short else block + _CHUNK_US)
                if not is_short:
                    self._raw[device_key, block] = series
            tally.add_series(series, at, end, limits)
            at = end

    def _load_hours(self, device_key: int, from_us: int, until_us: int) -> None:
        known = self._loaded.get(device_key)
        if known is not None and known[0] <= from_us and until_us <= known[1]:
            return
        begin = from_us if known is None else min(from_us, known[0])
        end = until_us if known is None else max(until_us, known[1])
        rows = self._connection.execute(
            "SELECT hour, known_us, lowest_celsius, highest_celsius, heat FROM climate_hour WHERE device_key = %s"
            " AND hour >= %s AND hour < %s",
            (device_key, _utc(begin), _utc(end)),
        )
        for hour, known_us, lowest, highest, heat in rows:
            self._hours[device_key, to_us(hour)] = HourClimate(to_us(hour), known_us, lowest, highest, heat)
        self._loaded[device_key] = (begin, end)

    def _whole(self, device_key: int) -> int:
        if device_key not in self._whole_until:
            row = self._connection.execute(
                "SELECT whole_until FROM climate_progress WHERE device_key = %s", (device_key,)
            ).fetchone()
            self._whole_until[device_key] = 0 if row is None else to_us(row[0])
        return self._whole_until[device_key]

    def _interval(self, device_key: int) -> float:
        if device_key not in self._intervals:
            self._intervals[device_key] = interval_of(self._connection, device_key)
        return self._intervals[device_key]

    def _correction(self, device_key: int) -> Corrections:
        if device_key not in self._corrections:
            self._corrections[device_key] = Corrections.read(self._connection, [device_key])
        return self._corrections[device_key]


def _utc(at_us: int) -> datetime:
    """In UTC, for the database."""
    return from_us(at_us, UTC)
