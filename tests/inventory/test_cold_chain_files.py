"""What clinics bring: CSV files and reports of real loggers; whole, cut in half, edited, or nothing of the kind."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from inventory.cold_chain.errors import FileProblemsError
from inventory.cold_chain.logger_report import LoggerReport, read_report
from inventory.cold_chain.readings_csv import read_csv
from inventory.cold_chain.series import Series
from inventory.cold_chain.verdict import judge
from medtap.cli.app import app
from tests.inventory.published_vectors import find_vectors

HOSPITAL = ZoneInfo("Asia/Ho_Chi_Minh")
Q_TAG = "qtag_clm_RCPJ00010_02_202211090128.txt"
FRIDGE_TAG = "fridgetag2_130400191542_202302140605.txt"
FRIDGE_TAG_L = "fridgetag2L_format_sample.txt"


def report_file(name: str) -> Path:
    return find_vectors("berlinger") / name


def report(name: str) -> LoggerReport:
    return read_report(report_file(name).read_bytes(), HOSPITAL)


def test_our_verdict_on_a_q_tags_readings_is_the_q_tags_own_within_its_storing_interval() -> None:
    found = report(Q_TAG)
    verdict = judge(Series.of(found.readings, found.interval_s), found.rules)
    ours = {rule.name: [e for e in verdict.excursions if e.rule == rule and e.triggered_us] for rule in found.rules}
    for alarm in found.alarms:
        assert alarm.started_at is not None
        near = min(
            abs(e.started_us / 1e6 - alarm.started_at.timestamp()) for e in ours[alarm.rule] or verdict.excursions
        )
        # It measures each minute and keeps each tenth: the run of 32 minutes kept only three readings.
        assert near <= 600 or alarm.minutes < 40, alarm
    certain = [e for e in verdict.excursions if e.triggered_us is not None and e.shortest_us > e.rule.needed_us]
    assert len(certain) == 4
    assert found.mkt_celsius == 10.5


def test_a_fridge_tags_days_and_verdicts_are_kept() -> None:
    found = report(FRIDGE_TAG)
    assert (found.serial_number, len(found.days), len(found.readings)) == ("130400191542", 60, 0)
    assert [rule.minutes for rule in found.rules] == [60, 600]
    assert found.days[0].date.isoformat() == "2022-12-17"
    assert (found.days[0].minutes_high, found.days[0].high_alarm, found.days[0].low_alarm) == (1440, True, False)


def test_a_report_with_readings_and_days_gives_both() -> None:
    found = report(FRIDGE_TAG_L)
    assert (found.interval_s, len(found.readings), len(found.days)) == (300, 53, 38)


@pytest.mark.parametrize("name", [Q_TAG, FRIDGE_TAG])
def test_an_unchanged_report_is_intact_and_any_changed_digit_breaks_its_signature(name: str) -> None:
    raw = report_file(name).read_bytes()
    assert read_report(raw, HOSPITAL).signature.state == "intact"
    for number in range(7):
        place = len(raw) * (number + 1) // 10
        while not chr(raw[place]).isdigit():
            place += 1
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        try:
            state = read_report(changed, HOSPITAL).signature.state
        except FileProblemsError:
            continue
        assert state == "broken", place


def test_a_report_that_somebody_shortened_is_told() -> None:
    assert report(FRIDGE_TAG_L).signature.state == "broken"


def test_a_report_cut_in_half_is_refused_or_told_to_be_without_signature() -> None:
    raw = report_file(Q_TAG).read_bytes()
    for share in range(1, 50):
        try:
            found = read_report(raw[: len(raw) * share // 50], HOSPITAL)
        except FileProblemsError:
            continue
        assert found.signature.state == "absent"


@given(st.binary(max_size=300), st.integers(0, 5000))
@settings(max_examples=200)
def test_nothing_that_is_fed_as_a_report_raises_anything_but_our_error(noise: bytes, place: int) -> None:
    raw = report_file(Q_TAG).read_bytes()
    for text in (noise, raw[:place] + noise + raw[place + len(noise) :]):
        with suppress(FileProblemsError):
            read_report(text, HOSPITAL)


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_nothing_that_is_fed_as_csv_raises_anything_but_our_error(text: str) -> None:
    for content in (text, "time,temperature_celsius\n" + text):
        with suppress(FileProblemsError):
            read_csv(content, HOSPITAL)


def test_csv_of_a_vietnamese_spreadsheet_is_read() -> None:
    text = "\ufeffTime;Temperature_Celsius;Ghi chú\r\n2026-11-22 03:00;8,5;cửa mở\r\n\r\n2026-11-22T03:05:00Z;-0,5;\r\n"
    first, second = read_csv(text, HOSPITAL)
    assert (first.occurred_at, first.value) == (datetime(2026, 11, 21, 20, 0, tzinfo=UTC), 8.5)
    assert (second.occurred_at, second.value) == (datetime(2026, 11, 22, 3, 5, tzinfo=UTC), -0.5)


def test_every_bad_row_of_a_csv_is_told_and_nothing_is_taken() -> None:
    text = "time,temperature_celsius\n2026-11-22T03:00:00,5\nyesterday,5\n2026-11-22T03:05:00,warm\n2026-11-22T03:10\n"
    with pytest.raises(FileProblemsError) as told:
        read_csv(text, HOSPITAL)
    assert [problem.split(":")[0] for problem in told.value.problems] == ["row 3", "row 4", "row 5"]


def test_replay_says_excursions_days_gaps_and_mean_kinetic_temperature(tmp_path: Path) -> None:
    file = tmp_path / "fridge.csv"
    start = datetime(2026, 11, 22)  # noqa: DTZ001 - as a logger writes it
    rows = [
        f"{(start + timedelta(minutes=5 * n)).isoformat()},{9 if 12 <= n < 140 else 5}" for n in range(288) if n != 200
    ]
    file.write_text("time,temperature_celsius\n" + "\n".join(rows), encoding="utf-8")
    result = CliRunner().invoke(app, ["coldchain", "replay", str(file), "--profile", "refrigerator", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    (excursion,) = found["excursions"]
    assert (excursion["kind"], excursion["minutes"], excursion["peak_celsius"]) == ("high", 640, 9)
    assert excursion["triggered_at"] == "2026-11-22T11:00:00+07:00"
    assert excursion["ended_at"] == "2026-11-22T11:40:00+07:00"
    assert found["days"] == [
        {
            "date": "2026-11-22",
            "minutes_high": 640,
            "minutes_low": 0,
            "high_alarm": True,
            "low_alarm": False,
            "min_celsius": 5,
            "max_celsius": 9,
        }
    ]
    assert found["gaps"] == []
    assert 5 < found["mkt_celsius"] < 9


def test_replay_of_a_loggers_report_tells_the_devices_own_verdicts_too() -> None:
    result = CliRunner().invoke(
        app, ["coldchain", "replay", str(report_file(FRIDGE_TAG)), "--format", "berlinger", "--json"]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["excursions"], len(found["days"]), found["mkt_celsius"]) == ([], 60, None)
    assert found["device"]["signature"]["state"] == "intact"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--profile", "fridge"], "refrigerator, freezer"),
        ([], "--profile or --rules"),
        (["--profile", "refrigerator", "--timezone", "Saigon"], "expected a name such as Asia/Ho_Chi_Minh"),
        (["--profile", "refrigerator", "--format", "xlsx"], "expected csv or berlinger"),
        (["--profile", "refrigerator", "--format", "berlinger"], "not a report of a Berlinger logger"),
        (["--profile", "refrigerator", "--interval-s", "0"], "above 0"),
    ],
)
def test_what_cannot_be_judged_ends_with_2_and_the_mend(tmp_path: Path, arguments: list[str], told: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text("time,temperature_celsius\n2026-11-22T03:00:00,5\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["coldchain", "replay", str(file), *arguments])
    assert result.exit_code == 2
    assert told in result.stderr
