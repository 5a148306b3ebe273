"""Corrections, charts, due days and the conclusions of a mapping: what needs no database."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.records.calibration import MeasuredPoint, NewCertificate, due_state, next_year
from gateway.records.chart_plan import ChartContent, ChartWords, plan
from gateway.records.corrections import Correction, Corrections, Piece, Point
from gateway.records.errors import RecordError
from gateway.records.mapping import PositionResult, Study, conclude
from gateway.records.place_reads import DeviceSeries, SeriesPoint, resolution_for
from gateway.records.summary import summarize
from inventory.cold_chain.instant import to_us
from tests.gateway.records_kit import ZONE, certificate

START = datetime(2026, 11, 1, tzinfo=UTC)
WORDS = ChartWords(lambda value: f"{value:g}", str, "high", "low", dict.fromkeys(
    ("line", "band", "limit", "mark", "excursion", "excursion_short", "gap", "offline"), "word"
))  # fmt: skip


def _correction(*points: tuple[float, float, float]) -> Correction:
    made = tuple(Point(*point) for point in points)
    return Correction(uuid.UUID(int=1), "C-1", date(2026, 1, 1), date(2026, 12, 31), made)


def test_a_reading_between_two_points_is_corrected_by_what_lies_between_and_beyond_them_by_the_nearest() -> None:
    one = _correction((0.0, -0.2, 0.1), (10.0, -0.4, 0.3))
    assert [one.celsius(raw) for raw in (-5.0, 0.0, 5.0, 10.0, 20.0)] == [-5.2, -0.2, 4.7, 9.6, 19.6]
    assert [one.uncertainty(raw) for raw in (-5.0, 5.0, 20.0)] == [0.1, 0.3, 0.3]


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 0.5)), min_size=1, max_size=5), st.data())
def test_a_warmer_reading_stays_the_warmer_one_after_correction(
    given_points: list[tuple[float, float]], data: st.DataObject
) -> None:
    points = [(float(10 * place), offset, doubt) for place, (offset, doubt) in enumerate(given_points)]
    one = _correction(*points)
    low, high = sorted((data.draw(st.floats(-60, 80)), data.draw(st.floats(-60, 80))))
    assert one.celsius(low) <= one.celsius(high)


def test_a_certificate_counts_from_its_day_until_the_next_one_and_a_gap_between_two_has_none() -> None:
    first, second = _correction((0, -1, 0.1)), _correction((0, 0.5, 0.1))
    pieces = (
        Piece(to_us(START), to_us(START + timedelta(days=1)), first),
        Piece(to_us(START + timedelta(days=2)), None, second),
    )
    known = Corrections({7: pieces})
    days = [known.celsius(7, START + timedelta(days=day), 5.0) for day in (-1, 0, 0.999, 1, 2, 400)]
    assert days == [5.0, 4.0, 4.0, 5.0, 5.5, 5.5]
    assert known.celsius(8, START, 5.0) == 5.0
    assert known.most(7) == 1.0


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ((), "points_missing"),
        (((0.0, 6.0, 0.1),), "point_wrong"),
        (((0.0, 0.1, -0.1),), "point_wrong"),
        (((0.0, 0.2, 0.1), (0.1, 0.2, 0.1)), "points_crossed"),
        (((5.0, 5.1, 0.1), (4.9, 5.2, 0.1)), "points_crossed"),
    ],
)
def test_a_table_that_no_laboratory_would_sign_is_refused(
    points: tuple[tuple[float, float, float], ...], code: str
) -> None:
    with pytest.raises(RecordError) as refused:
        NewCertificate("C", "Lab", date(2026, 1, 1), date(2026, 12, 31), tuple(MeasuredPoint(*each) for each in points))
    assert refused.value.code == code


def test_nobody_has_to_know_the_sign_of_a_correction_since_it_is_worked_out_of_both_values() -> None:
    assert [point.offset_celsius for point in certificate().points] == [-0.2, -0.3, -0.4]


@pytest.mark.parametrize(
    ("left", "state"),
    [
        (-1, "over"),
        (0, "today"),
        (1, "in_30_days"),
        (30, "in_30_days"),
        (31, "in_90_days"),
        (90, "in_90_days"),
        (91, "valid"),
    ],
)
def test_a_calibration_is_told_of_90_and_30_days_before_and_on_its_last_day(left: int, state: str) -> None:
    today = date(2026, 11, 22)
    assert due_state(today + timedelta(days=left), today) == state


def test_a_year_ends_the_day_before_the_same_day() -> None:
    assert next_year(date(2026, 1, 15)) == date(2027, 1, 14)
    assert next_year(date(2028, 2, 29)) == date(2029, 2, 28)


def _series(points: list[SeriesPoint], gaps: tuple[tuple[datetime, datetime], ...], hours: int) -> DeviceSeries:
    spans = ((START, START + timedelta(hours=hours)),)
    return DeviceSeries(1, "t-1", "store", "up", None, 300.0, spans, "reading", tuple(points), gaps, Corrections(), ())


def _point(minute: float, celsius: float) -> SeriesPoint:
    return SeriesPoint(START + timedelta(minutes=minute), celsius, celsius, celsius, 1, celsius)


def test_a_gap_is_drawn_as_a_gap_and_counts_neither_as_warm_nor_as_known() -> None:
    points = [_point(5 * step, 9.0) for step in range(12)] + [_point(180 + 5 * step, 5.0) for step in range(12)]
    gap = (points[11].at, points[12].at)
    series = _series(points, (gap,), 4)
    chart = plan([series], ChartContent(START, START + timedelta(hours=4), 2.0, 8.0), WORDS, ZONE)
    assert [len(piece) for piece in chart.lines[0].pieces] == [12, 12]
    assert [shade.kind for shade in chart.shades] == ["gap"]
    assert chart.shades[0].left == chart.lines[0].pieces[0][-1][0]
    assert chart.shades[0].right == chart.lines[0].pieces[1][0][0]
    summary = summarize(series, 2.0, 8.0)
    assert summary.above_s == 55 * 60
    assert summary.known_s == 24 * 300
    assert summary.near_limit_s is None


def test_an_extreme_of_one_reading_is_never_lost_however_long_the_chart() -> None:
    points = [_point(step, 25.0 if step == 7000 else 5.0) for step in range(10 * 1440)]
    chart = plan([_series(points, (), 240)], ChartContent(START, START + timedelta(days=10), 2.0, 8.0), WORDS, ZONE)
    (band,) = chart.lines[0].bands
    assert len(band) < 900
    assert min(high for _, high, _ in band) < chart.limits[0].at
    assert max(low for _, _, low in band) > chart.limits[0].at


def test_limits_are_always_in_sight() -> None:
    chart = plan(
        [_series([_point(0, 5.0)], (), 1)], ChartContent(START, START + timedelta(hours=1), -25.0, 8.0), WORDS, ZONE
    )
    assert all(chart.top <= limit.at <= chart.bottom for limit in chart.limits)
    assert plan([], ChartContent(START, START + timedelta(hours=1), None, None), WORDS, ZONE).lines == ()


def test_longer_times_are_read_in_coarser_steps() -> None:
    spans = [timedelta(hours=24), timedelta(days=7), timedelta(days=366)]
    assert [resolution_for(START, START + span) for span in spans] == ["reading", "minute", "hour"]


def _position(name: str, low: float | None, high: float | None, mean: float | None = None) -> PositionResult:
    readings = 0 if low is None else 100
    return PositionResult(
        name, 1, 1, "top", "s", readings, low, high, mean if mean is not None else low, None, 0.0, 300.0, 0.0, 0.2
    )


def test_a_mapping_advises_the_extremes_and_first_the_one_that_is_nearer_to_its_limit() -> None:
    study = Study(
        mapping_id=uuid.UUID(int=1), place_id="p", place_name_vi="", place_name_en="", began_at=START,
        ended_at=START + timedelta(days=3), load="full", conditions="", low_celsius=2.0, high_celsius=8.0,
        grid_columns=3, grid_rows=3, entered_at=START, entered_by="x", withdrawn_at=None, withdrawn_reason=None,
        positions=3,
    )  # fmt: skip
    door, back, floor = _position("door", 4.0, 6.5), _position("back", 2.3, 5.0), _position("floor", 3.0, 5.5)
    found = conclude(study, (door, back, floor, _position("dead", None, None)))
    assert (found.hottest, found.coldest) == (door, back)
    assert [each.position for each in found.monitor_at] == ["back", "door"]
    assert found.doubts == ("position_empty",)
    assert found.spread_celsius == pytest.approx(4.2)
    assert conclude(study, (_position("dead", None, None),)).monitor_at == ()
