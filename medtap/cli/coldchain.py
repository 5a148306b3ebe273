"""`medtap coldchain`: judge a file of readings as the gateway does, and its mean kinetic temperature."""

from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from inventory.cold_chain import profiles
from inventory.cold_chain.days import Day, days_of
from inventory.cold_chain.errors import ColdChainError, FileProblemsError
from inventory.cold_chain.instant import from_us, minutes
from inventory.cold_chain.logger_report import DeviceAlarm, DeviceDay, LoggerReport, read_report
from inventory.cold_chain.mean_kinetic_temperature import (
    ACTIVATION_ENERGY_KJ,
    WINDOWS,
    mean_kinetic_temperature,
    worst_celsius,
)
from inventory.cold_chain.readings_csv import read_csv
from inventory.cold_chain.rule import Quantity, Rule
from inventory.cold_chain.rule_run import Excursion
from inventory.cold_chain.rules_file import read_rules
from inventory.cold_chain.series import GAP_INTERVALS, Reading, Series
from inventory.cold_chain.verdict import Verdict, judge
from medtap.cli import coldchain_goods
from medtap.cli.output import fail, print_json, say

app = typer.Typer(no_args_is_help=True, help="Judge temperature readings: excursions, days, mean kinetic temperature.")
app.command("simulate")(coldchain_goods.simulate)
app.command("pack")(coldchain_goods.pack)
app.command("lot")(coldchain_goods.lot)
app.command("packs")(coldchain_goods.packs)

_HOSPITAL_ZONE = "Asia/Ho_Chi_Minh"
_BAD_INPUT = 2

FileArgument = Annotated[Path, typer.Argument(help="The readings, or a logger's report.")]
ZoneOption = Annotated[
    str, typer.Option("--timezone", help=f"Of times without offset, and of the days. {_HOSPITAL_ZONE}, if absent.")
]
IntervalOption = Annotated[
    float | None, typer.Option("--interval-s", help="Seconds between readings; the median step, if absent.")
]
FormatOption = Annotated[str, typer.Option("--format", help="csv or berlinger.")]


@app.callback()
def coldchain() -> None:
    """Judge temperature readings: excursions, days, mean kinetic temperature."""


@app.command()
def replay(
    file: FileArgument,
    profile: Annotated[
        str, typer.Option(help=f"Shipped rules: {', '.join(each.name for each in profiles.PROFILES)}.")
    ] = "",
    rules: Annotated[Path | None, typer.Option(help="A TOML file with one [[rule]] each.")] = None,
    file_format: FormatOption = "csv",
    timezone: ZoneOption = "",
    interval_s: IntervalOption = None,
    gap_intervals: Annotated[
        float, typer.Option(help="A time without readings longer than so many intervals is a gap.")
    ] = GAP_INTERVALS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say when the readings of a file were outside the rules. Exit status 0 if it could be judged, 2 if not.

    A logger's report is judged by the logger's own limits unless rules are given; its own verdicts stand beside ours.
    """
    try:
        quantity = _quantity(profile, rules)
        report, readings, zone = _read(file, file_format, timezone, quantity)
        chosen = _rules(profile, rules, report)
        interval = interval_s if interval_s is not None or report is None else report.interval_s
        verdict = judge(Series.of(readings, interval, gap_intervals), chosen)
        mean = mean_kinetic_temperature(verdict.series) if quantity == "temperature_celsius" else None
    except (ColdChainError, OSError) as error:
        _refuse(file, error)
    days = days_of(verdict, zone)
    if as_json:
        print_json(_as_json(verdict, days, zone, report, None if mean is None else mean.celsius))
        return
    _say_verdict(verdict, days, zone, report)
    if mean is not None:
        say(f"mean kinetic temperature {mean.celsius:.2f} °C over {mean.minutes:g} minutes, {mean.n} readings")


@app.command()
def mkt(
    file: FileArgument,
    activation_energy_kj: Annotated[float, typer.Option(help="kJ/mol; USP <1160>.")] = ACTIVATION_ENERGY_KJ,
    file_format: FormatOption = "csv",
    timezone: ZoneOption = "",
    interval_s: IntervalOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say the mean kinetic temperature of a file's readings, weighted by time, gaps left out."""
    try:
        report, readings, zone = _read(file, file_format, timezone)
        interval = interval_s if interval_s is not None or report is None else report.interval_s
        series = Series.of(readings, interval)
        mean = mean_kinetic_temperature(series, activation_energy_kj)
        worst = [(window, worst_celsius(series, window, activation_energy_kj)) for window in WINDOWS]
    except (ColdChainError, OSError) as error:
        _refuse(file, error)
    gaps = _gaps(series, zone)
    windows = [
        {
            "name": window.name,
            "hours": window.hours,
            "worst_mkt_celsius": round(found[0], 6),
            "ends_at": _iso(found[1], zone),
            "source": window.source,
        }
        for window, found in worst
        if found is not None
    ]
    if as_json:
        print_json(
            {
                "mkt_celsius": None if mean is None else round(mean.celsius, 6),
                "n": 0 if mean is None else mean.n,
                "minutes": 0 if mean is None else mean.minutes,
                "activation_energy_kj": activation_energy_kj,
                "gaps": gaps,
                "windows": windows,
            }
        )
        return
    if mean is None:
        say("no reading")
        return
    say(f"mean kinetic temperature {mean.celsius:.2f} °C over {mean.minutes:g} minutes, {mean.n} readings")
    for window in windows:
        say(f"worst {window['hours']} h: {window['worst_mkt_celsius']:.2f} °C, ending {window['ends_at']}")
    for gap in gaps:
        say(f"no data from {gap['from']} to {gap['to']}: left out")


def _refuse(file: Path, error: Exception) -> None:
    problems = error.problems if isinstance(error, FileProblemsError) else (str(error),)
    fail(f"{file}: " + "\n  ".join(problems), _BAD_INPUT)


def _quantity(profile: str, rules: Path | None) -> Quantity:
    """What the rules are of: a file is of one quantity."""
    if rules is None and not profile:
        return "temperature_celsius"
    found = {rule.quantity for rule in _rules(profile, rules, None)}
    if len(found) > 1:
        raise ColdChainError("rules of temperature and of humidity: judge them one after the other")
    return found.pop()


def _read(
    file: Path, file_format: str, timezone: str, quantity: Quantity = "temperature_celsius"
) -> tuple[LoggerReport | None, tuple[Reading, ...], tzinfo]:
    """The report if it is one, its readings, and the zone for days and output."""
    try:
        zone: tzinfo = ZoneInfo(timezone or _HOSPITAL_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ColdChainError(f"--timezone {timezone!r}: expected a name such as {_HOSPITAL_ZONE} or UTC") from error
    if file_format == "berlinger":
        report = read_report(file.read_bytes(), zone)
        return report, report.readings, zone
    if file_format != "csv":
        raise ColdChainError(f"--format {file_format!r}: expected csv or berlinger")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ColdChainError(f"not UTF-8 text (byte {error.start}): save it as CSV UTF-8") from error
    readings = read_csv(text, zone, quantity)
    if not timezone and readings and readings[0].occurred_at.tzinfo is not None:
        zone = readings[0].occurred_at.tzinfo  # a file with offsets is told in its own
    return None, readings, zone


def _rules(profile: str, rules: Path | None, report: LoggerReport | None) -> tuple[Rule, ...]:
    if profile and rules is not None:
        raise ColdChainError("expected either --profile or --rules, not both")
    if rules is not None:
        try:
            return read_rules(rules.read_text(encoding="utf-8"))
        except FileProblemsError as error:
            raise FileProblemsError(tuple(f"{rules}: {problem}" for problem in error.problems)) from error
        except UnicodeDecodeError as error:
            raise ColdChainError(f"{rules}: not UTF-8 text") from error
    if profile:
        return profiles.profile(profile).rules
    if report is not None and report.rules:
        return report.rules
    raise ColdChainError("expected --profile or --rules")


def _iso(at_us: int | None, zone: tzinfo) -> str | None:
    return None if at_us is None else from_us(at_us, zone).isoformat()


def _gaps(series: Series, zone: tzinfo) -> list[dict[str, str | None]]:
    return [{"from": _iso(start, zone), "to": _iso(end, zone)} for start, end in series.gaps_us()]


def _as_json(
    verdict: Verdict,
    days: tuple[Day, ...],
    zone: tzinfo,
    report: LoggerReport | None,
    mkt_celsius: float | None,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "excursions": [_excursion_json(excursion, zone, verdict.series) for excursion in verdict.excursions],
        "days": [_day_json(day) for day in days],
        "gaps": _gaps(verdict.series, zone),
        "mkt_celsius": None if mkt_celsius is None else round(mkt_celsius, 6),
    }
    if report is not None:
        if not days:
            found["days"] = [_day_json(day) for day in report.days]
        found["device"] = _device_json(report)
    return found


def _excursion_json(excursion: Excursion, zone: tzinfo, series: Series) -> dict[str, Any]:
    return {
        "rule": excursion.rule.name,
        "kind": excursion.rule.side,
        "severity": excursion.rule.severity,
        "started_at": _iso(excursion.started_us, zone),
        "triggered_at": _iso(excursion.triggered_us, zone),
        "ended_at": _iso(excursion.ended_us, zone),
        "minutes": minutes(excursion.outside_us),
        "minutes_shortest": minutes(excursion.shortest_us),
        "minutes_longest": minutes(excursion.longest_us),
        "certain": excursion.is_certain,
        "uncertainty_minutes": minutes(series.interval_us),
        "peak_celsius": excursion.peak,
    }


def _day_json(day: Day | DeviceDay) -> dict[str, Any]:
    lowest, highest = (day.lowest, day.highest) if isinstance(day, Day) else (day.lowest_celsius, day.highest_celsius)
    return {
        "date": day.date.isoformat(),
        "minutes_high": day.minutes_high,
        "minutes_low": day.minutes_low,
        "high_alarm": day.high_alarm,
        "low_alarm": day.low_alarm,
        "min_celsius": lowest,
        "max_celsius": highest,
    }


def _device_json(report: LoggerReport) -> dict[str, Any]:
    return {
        "device": report.device,
        "serial_number": report.serial_number,
        "activated_at": _text(report.activated_at),
        "created_at": _text(report.created_at),
        "mkt_celsius": report.mkt_celsius,
        "rules": [rule.name for rule in report.rules],
        "alarms": [_device_alarm_json(alarm) for alarm in report.alarms],
        "days": [_day_json(day) for day in report.days],
        "signature": {
            "state": report.signature.state,
            "public_key": report.signature.public_key or None,
            "certificate": report.signature.certificate or None,
            "signature": report.signature.signature or None,
        },
    }


def _device_alarm_json(alarm: DeviceAlarm) -> dict[str, Any]:
    return {
        "rule": alarm.rule,
        "kind": alarm.side,
        "mode": alarm.mode,
        "started_at": _text(alarm.started_at),
        "triggered_at": _text(alarm.triggered_at),
        "ended_at": _text(alarm.ended_at),
        "minutes": alarm.minutes,
    }


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _say_verdict(verdict: Verdict, days: tuple[Day, ...], zone: tzinfo, report: LoggerReport | None) -> None:
    if report is not None:
        say(f"{report.device}, serial {report.serial_number}; signature {report.signature.state}")
    for excursion in verdict.excursions:
        end = _iso(excursion.ended_us, zone) or "still outside"
        alarm = "no alarm" if excursion.triggered_us is None else f"ALARM {_iso(excursion.triggered_us, zone)}"
        doubt = "" if excursion.is_certain else " (another course between the readings could change this verdict)"
        say(
            f"{excursion.rule.name}: {_iso(excursion.started_us, zone)} to {end}, "
            f"{minutes(excursion.outside_us):g} min, peak {excursion.peak:g}: {alarm}{doubt}"
        )
    if not verdict.excursions:
        say("no reading outside the rules")
    for gap in _gaps(verdict.series, zone):
        say(f"no data from {gap['from']} to {gap['to']}")
    for day in days or (report.days if report is not None else ()):
        alarms = ("HIGH ALARM " if day.high_alarm else "") + ("LOW ALARM" if day.low_alarm else "")
        say(f"{day.date}: {day.minutes_high:g} min too warm, {day.minutes_low:g} min too cold {alarms}".rstrip())
