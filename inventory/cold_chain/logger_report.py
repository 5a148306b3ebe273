"""Text reports of Berlinger loggers (Fridge-tag 2, 2L, UL; Q-tag CLm), as clinics bring them on a USB stick.

A Fridge-tag keeps daily summaries, some keep readings too; a Q-tag keeps readings and its own alarms. All of it is kept
beside our own judgement, the device's verdicts and its signature block included. Limits of these loggers are strict.
"""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from inventory.cold_chain.errors import ColdChainError, FileProblemsError
from inventory.cold_chain.indented_text import Node, read_tree
from inventory.cold_chain.logger_signature import LoggerSignature, check_signature
from inventory.cold_chain.rule import Mode, Rule, Side
from inventory.cold_chain.series import Reading

SIZE_MOST_BYTES = 20_000_000
"""A year of readings each minute is about 12 MB."""
_TYPES: dict[str, tuple[Side, Mode]] = {
    "1": ("low", "consecutive"),
    "2": ("high", "consecutive"),
    "3": ("low", "accumulated"),
    "4": ("high", "accumulated"),
}
"""Q-tag alarm types; 0 is unused. A Fridge-tag has none: its alarm 0 is the low one and 1 the high one."""
_FRIDGE_TAG: dict[str, tuple[Side, Mode]] = {"0": ("low", "consecutive"), "1": ("high", "consecutive")}


@dataclass(frozen=True)
class DeviceAlarm:
    """An alarm as the logger judged it."""

    rule: str
    side: Side
    mode: Mode
    started_at: datetime | None
    triggered_at: datetime | None
    ended_at: datetime | None
    """None: it had not ended, or the logger does not say."""
    minutes: int


@dataclass(frozen=True)
class DeviceDay:
    """A day as the logger summed it up."""

    date: date
    minutes_high: int
    minutes_low: int
    high_alarm: bool
    low_alarm: bool
    lowest_celsius: float | None
    highest_celsius: float | None
    sensor_timeout_minutes: int


@dataclass(frozen=True)
class LoggerReport:
    """All that a report says."""

    device: str
    serial_number: str
    activated_at: datetime | None
    created_at: datetime | None
    interval_s: float | None
    rules: tuple[Rule, ...]
    """The limits that the logger was set to."""
    readings: tuple[Reading, ...]
    days: tuple[DeviceDay, ...]
    """Oldest first; empty for a logger without daily summaries."""
    alarms: tuple[DeviceAlarm, ...]
    mkt_celsius: float | None
    signature: LoggerSignature


def read_report(raw: bytes, zone: tzinfo) -> LoggerReport:
    """The report in a file's bytes; `zone` is that of the logger's clock.

    Raises:
        FileProblemsError: no such report, or lines in it that can't be read, each by its number.
    """
    if len(raw) > SIZE_MOST_BYTES:
        raise FileProblemsError((f"{len(raw)} bytes: expected a report of at most {SIZE_MOST_BYTES}",))
    reader = _Reader(read_tree(raw.decode("utf-8", "replace").removeprefix("\ufeff")), zone)
    report = reader.report(check_signature(raw))
    if reader.problems:
        raise FileProblemsError(tuple(reader.problems[:50]))
    return report


class _Reader:
    """One pass over a report's tree, collecting what can't be read."""

    def __init__(self, root: Node, zone: tzinfo) -> None:
        self._root = root
        self._zone = zone
        self.problems: list[str] = []

    def report(self, signature: LoggerSignature) -> LoggerReport:
        device, configuration = self._root.value("Device"), self._root.child("Conf")
        serial = configuration.value("Serial") if configuration is not None else ""
        if configuration is None or not device or not serial:
            raise FileProblemsError(
                ("not a report of a Berlinger logger: expected `Device:` in the first line and a `Serial:` in `Conf:`",)
            )
        history, results = self._root.child("Hist"), self._root.child("Res")
        if history is None and results is None:
            raise FileProblemsError(("the report ends before its history (`Hist:` or `Res:`): the file is cut off",))
        rules = self._rules(configuration)
        interval = configuration.value("Logging Interval")
        summary = history if history is not None else results
        mkt = results.value("MKT") if results is not None else ""
        return LoggerReport(
            device,
            serial,
            self._time(summary, "TS Actv"),
            self._time(summary, "TS Report Creation") or self._time(summary, "TS Stop"),
            self._number(configuration, "Logging Interval") * 60 if interval else None,
            tuple(rules.values()),
            self._readings(),
            tuple(reversed([self._day(node) for node in self._numbered(history)])),
            self._alarms(results, rules),
            self._float(results, mkt) if mkt else None,
            signature,
        )

    def _rules(self, configuration: Node) -> dict[str, Rule]:
        rules: dict[str, Rule] = {}
        for node in self._numbered(configuration.child("Alarm")):
            kind = node.value("Type")
            if kind == "0":
                continue
            meaning = _TYPES.get(kind) if kind else _FRIDGE_TAG.get(node.key)
            if meaning is None:
                self._problem(node, f"alarm {node.key} of type {kind!r}: expected 0 to 4")
                continue
            limit = next((child for child in node.walk() if "T AL" in child.pairs), None)
            if limit is None:
                self._problem(node, f"alarm {node.key}: expected `T AL` and `t AL`")
                continue
            celsius, minutes = self._number(limit, "T AL"), self._number(limit, "t AL")
            in_all = " in all" if meaning[1] == "accumulated" else ""
            name = f"{node.key}: {'<' if meaning[0] == 'low' else '>'} {celsius:g} C {minutes:g} min{in_all}"
            try:
                rules[node.key] = Rule(name, meaning[0], celsius, False, meaning[1], minutes, source="the logger")  # noqa: FBT003 - strict
            except ColdChainError as error:
                self._problem(limit, str(error))
        return rules

    def _readings(self) -> tuple[Reading, ...]:
        section = self._root.child("Data")
        readings: list[Reading] = []
        for node in section.walk() if section is not None else ():
            cells = node.text.split("\t")
            if cells[0].startswith("yyyy"):
                continue
            at = self._parse_time(node, cells[0])
            if len(cells) < 2:  # noqa: PLR2004 - a time and a value
                self._problem(node, f"{node.text!r}: expected a time and a temperature")
            elif at is not None:
                readings.append(Reading(at, self._float(node, cells[1])))
        return tuple(readings)

    def _day(self, node: Node) -> DeviceDay:
        alarm, timeout = node.child("Alarm"), node.child("Int Sensor timeout")
        low, high = (self._side_of_day(alarm, index) for index in ("0", "1"))
        lowest, highest = (
            next((child.pairs[key] for child in node.walk() if key in child.pairs), "") for key in ("Min T", "Max T")
        )
        text = node.value("Date")
        try:
            day = date.fromisoformat(text)
        except ValueError:
            self._problem(node, f"date {text!r}: expected such as 2026-11-22")
            day = date.min
        return DeviceDay(
            day,
            high[0],
            low[0],
            high[1],
            low[1],
            self._float(node, lowest) if lowest else None,
            self._float(node, highest) if highest else None,
            round(self._number(timeout, "t AccST")) if timeout is not None else 0,
        )

    def _side_of_day(self, alarm: Node | None, index: str) -> tuple[int, bool]:
        """Minutes outside, and whether it alarmed: then the logger writes when (`TS A`)."""
        side = alarm.child(index) if alarm is not None else None
        line = next((child for child in side.walk() if "t Acc" in child.pairs), None) if side is not None else None
        if line is None:
            return 0, False
        return round(self._number(line, "t Acc")), bool(line.pairs.get("TS A"))

    def _alarms(self, results: Node | None, rules: dict[str, Rule]) -> tuple[DeviceAlarm, ...]:
        alarms: list[DeviceAlarm] = []
        for node in self._numbered(results.child("Alarm") if results is not None else None):
            rule = rules.get(node.key)
            if rule is None:
                self._problem(node, f"alarm {node.key}: no such alarm in `Conf:`")
                continue
            alarms.extend(
                DeviceAlarm(
                    rule.name,
                    rule.side,
                    rule.mode,
                    self._parse_time(line, line.pairs["TS S"]),
                    self._parse_time(line, line.pairs.get("TS A", "")),
                    self._parse_time(line, line.pairs.get("TS E", "")),
                    round(self._number(line, "t A")),
                )
                for line in node.walk()
                if line.pairs.get("TS S")
            )
        return tuple(alarms)

    def _numbered(self, node: Node | None) -> list[Node]:
        return [child for child in node.walk() if child.key.isdecimal()] if node is not None else []

    def _time(self, node: Node | None, key: str) -> datetime | None:
        return self._parse_time(node, node.value(key)) if node is not None else None

    def _parse_time(self, node: Node, text: str) -> datetime | None:
        if not text:
            return None
        try:
            return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=self._zone)
        except ValueError:
            self._problem(node, f"time {text[:40]!r}: expected such as 2026-11-22 03:00")
            return None

    def _number(self, node: Node, key: str) -> float:
        return self._float(node, node.pairs.get(key, node.value(key)))

    def _float(self, node: Node | None, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not abs(value) < 1e6:  # noqa: PLR2004 - far from what any of these numbers can be
            self._problem(node, f"{text[:40]!r}: expected a number")
            return 0.0
        return value

    def _problem(self, node: Node | None, words: str) -> None:
        self.problems.append(f"line {node.line if node is not None else '?'}: {words}")
