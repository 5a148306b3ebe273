"""The excursion engine: what a fridge's readings show, however they arrive."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.cold_chain.days import days_of
from inventory.cold_chain.errors import ColdChainError, FileProblemsError
from inventory.cold_chain.instant import from_us, minutes
from inventory.cold_chain.profiles import PROFILES, profile
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.rule_run import Excursion, RuleRun
from inventory.cold_chain.rules_file import read_rules
from inventory.cold_chain.series import Reading, Series
from inventory.cold_chain.verdict import Verdict, judge
from tests.inventory.published_vectors import load_vectors

START = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
"""Midnight in Ho Chi Minh City."""
HOSPITAL = ZoneInfo("Asia/Ho_Chi_Minh")
TOO_WARM = Rule("too warm", "high", 8.0, inclusive=False, mode="consecutive", minutes=60)
FREEZING = Rule("freezing", "low", -0.5, inclusive=True, mode="consecutive", minutes=60)
WARM_IN_ALL = Rule("warm in all", "high", 8.0, inclusive=False, mode="accumulated", minutes=60)


def every_5_minutes(*values: float, start: datetime = START) -> list[Reading]:
    return [Reading(start + timedelta(minutes=5 * number), value) for number, value in enumerate(values)]


def verdict_of(readings: list[Reading], *rules: Rule, interval_s: float | None = 300) -> Verdict:
    return judge(Series.of(readings, interval_s), rules or (TOO_WARM, FREEZING, WARM_IN_ALL))


def only(verdict: Verdict) -> Excursion:
    assert len(verdict.excursions) == 1
    return verdict.excursions[0]


def test_a_fridge_that_warms_for_long_enough_alarms_at_the_minute_the_time_is_full() -> None:
    found = only(verdict_of(every_5_minutes(5, *[9] * 14, 5), TOO_WARM))
    assert from_us(found.started_us) == START + timedelta(minutes=5)
    assert found.triggered_us is not None
    assert from_us(found.triggered_us) == START + timedelta(minutes=65)
    assert found.ended_us is not None
    assert from_us(found.ended_us) == START + timedelta(minutes=75)
    assert (minutes(found.outside_us), found.peak, found.is_certain) == (70, 9, True)


def test_time_outside_is_told_even_when_no_alarm_matured() -> None:
    found = only(verdict_of(every_5_minutes(5, 9, 10, 5), TOO_WARM))
    assert (found.triggered_us, minutes(found.outside_us), found.peak) == (None, 10, 10)


def test_a_door_opened_again_and_again_never_adds_up_to_a_single_event() -> None:
    dips = [5.0, *[9.0] * 10] * 5
    assert not verdict_of(every_5_minutes(*dips, 5), TOO_WARM).is_alarm
    found = only(verdict_of(every_5_minutes(*dips, 5), WARM_IN_ALL))
    assert found.triggered_us is not None
    assert minutes(found.outside_us) == 250


def test_a_reading_back_inside_at_the_very_minute_comes_before_the_alarm_and_the_doubt_is_told() -> None:
    found = only(verdict_of(every_5_minutes(5, *[9] * 12, 5), TOO_WARM))
    assert minutes(found.outside_us) == 60
    assert found.triggered_us is None
    assert not found.is_certain
    assert (minutes(found.shortest_us), minutes(found.longest_us)) == (55, 65)


@pytest.mark.parametrize(("inclusive", "counts"), [(True, True), (False, False)])
def test_the_threshold_itself_counts_only_where_the_rule_says_so(inclusive: bool, counts: bool) -> None:
    rule = Rule("x", "high", 8.0, inclusive=inclusive, mode="consecutive", minutes=10)
    assert verdict_of(every_5_minutes(*[8.0] * 4), rule).is_alarm is counts


def test_a_condition_that_is_already_true_at_the_first_reading_counts_from_it() -> None:
    assert verdict_of(every_5_minutes(*[9] * 13), TOO_WARM).is_alarm
    assert not verdict_of(every_5_minutes(*[9] * 12), TOO_WARM).is_alarm


def test_a_rule_of_no_minutes_alarms_with_the_first_reading_outside() -> None:
    found = only(
        verdict_of(
            every_5_minutes(5, 9, 5), Rule("at once", "high", 8.0, inclusive=False, mode="consecutive", minutes=0)
        )
    )
    assert found.triggered_us == found.started_us


def test_a_gap_neither_extends_nor_resets_what_is_outside() -> None:
    before = every_5_minutes(5, *[9] * 7)
    after = every_5_minutes(*[9] * 7, 5, start=START + timedelta(hours=10))
    found = verdict_of(before + after, TOO_WARM)
    assert [minutes(until - since) for since, until in found.gaps_us] == [565]
    assert minutes(only(found).outside_us) == 30 + 35
    triggered = only(found).triggered_us
    assert triggered is not None
    assert from_us(triggered) == START + timedelta(hours=10, minutes=30)


def test_two_lost_readings_are_not_a_gap_yet() -> None:
    readings = every_5_minutes(5, 9, 9, 9, 9, 5)
    assert not verdict_of([*readings[:2], *readings[4:]], TOO_WARM).gaps_us
    found = only(verdict_of([*readings[:2], *readings[4:]], TOO_WARM))
    assert minutes(found.outside_us) == 20


def test_with_hysteresis_a_reading_just_inside_does_not_end_it() -> None:
    rule = Rule("x", "high", 8.0, inclusive=False, mode="consecutive", minutes=15, hysteresis=0.5)
    assert verdict_of(every_5_minutes(5, 8.2, 7.8, 8.1, 7.9, 7.5), rule).is_alarm
    assert not verdict_of(every_5_minutes(5, 8.2, 7.4, 8.1, 7.9, 7.5), rule).is_alarm


def test_high_and_low_have_their_own_timers() -> None:
    found = verdict_of(every_5_minutes(5, *[9] * 7, *[-1] * 7, 5), TOO_WARM, FREEZING)
    assert [(each.rule.side, each.triggered_us) for each in found.excursions] == [("high", None), ("low", None)]


def test_two_readings_of_one_instant_count_on_both_sides() -> None:
    warm = every_5_minutes(*[9] * 14)
    cold = every_5_minutes(*[-1] * 14)
    found = verdict_of([*warm, *cold], TOO_WARM, FREEZING)
    assert {each.rule.name for each in found.excursions if each.triggered_us is not None} == {"too warm", "freezing"}


READINGS = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([-1.0, -0.5, 4.0, 7.6, 8.0, 8.1, 12.0])), min_size=1, max_size=60
).map(
    lambda steps: [
        Reading(START + timedelta(minutes=sum(step for step, _ in steps[: number + 1])), value)
        for number, (_, value) in enumerate(steps)
    ]
)


@given(READINGS, st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_late_doubled_and_shuffled_readings_lead_to_the_same_verdict(readings: list[Reading], chance: object) -> None:
    shuffled = [*readings, *readings[::2]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis gives a random.Random
    assert verdict_of(shuffled) == verdict_of(readings)


@given(READINGS, st.integers(0, 60))
@settings(max_examples=150)
def test_a_restart_at_any_reading_changes_nothing(readings: list[Reading], cut: int) -> None:
    series = Series.of(readings, 300)
    for rule in (
        TOO_WARM,
        FREEZING,
        WARM_IN_ALL,
        Rule("h", "high", 8.0, inclusive=False, mode="consecutive", minutes=20, hysteresis=0.5),
    ):
        values = series.highest if rule.side == "high" else series.lowest
        run, ended = RuleRun(rule, series.gap_us), []
        for number, (at_us, value) in enumerate(zip(series.at_us, values, strict=True)):
            if number == cut:
                run = RuleRun.restored(rule, series.gap_us, json.loads(json.dumps(run.snapshot())))
            ended.append(run.advance(at_us, value))
        found = [each for each in [*ended, run.excursion()] if each is not None]
        assert found == list(judge(series, (rule,)).excursions)


@given(READINGS)
@settings(max_examples=150)
def test_the_minutes_of_the_days_are_the_minutes_of_the_excursions(readings: list[Reading]) -> None:
    found = verdict_of(readings, TOO_WARM, FREEZING)
    days = days_of(found, HOSPITAL)
    for side, total in (("high", sum(day.minutes_high for day in days)), ("low", sum(day.minutes_low for day in days))):
        assert total == pytest.approx(sum(minutes(e.outside_us) for e in found.excursions if e.rule.side == side))
    for each in found.excursions:
        assert each.shortest_us <= each.outside_us <= each.longest_us
        assert each.triggered_us is None or each.triggered_us >= each.started_us


def test_a_reading_that_is_not_newer_is_refused_so_that_history_is_judged_again() -> None:
    run = RuleRun(TOO_WARM, 1)
    run.advance(10, 9.0)
    with pytest.raises(ColdChainError, match="not newer"):
        run.advance(10, 9.0)


def test_days_are_the_hospitals_days() -> None:
    evening = START - timedelta(minutes=30)
    first, second = days_of(verdict_of(every_5_minutes(*[9] * 14, 5, start=evening), TOO_WARM), HOSPITAL)
    assert (first.minutes_high, first.high_alarm) == (30, False)
    assert (second.minutes_high, second.high_alarm) == (40, True)
    assert (second.lowest, second.highest) == (5, 9)


def test_makers_truth_tables() -> None:
    for vector in load_vectors("temperature_alarms"):
        if vector["kind"] == "truth_table":
            upper = vector["rules"]["upper"]
            rules = (
                Rule(
                    "run",
                    "high",
                    upper["threshold"],
                    inclusive=True,
                    mode="consecutive",
                    minutes=5 * upper["consecutive_readings"],
                ),
                Rule(
                    "sum",
                    "high",
                    upper["threshold"],
                    inclusive=True,
                    mode="accumulated",
                    minutes=5 * upper["total_readings"],
                ),
            )
            found = verdict_of(every_5_minutes(*vector["series_celsius"]), *rules)
            assert found.is_alarm is vector["expected_alarm"]
        elif vector["kind"] == "boundary":
            rule = Rule(
                "x",
                "high" if vector["side"] == "upper" else "low",
                vector["threshold_celsius"],
                inclusive=True,
                mode="accumulated",
                minutes=1,
            )
            assert rule.is_outside(vector["reading"]) is vector["counts"]
        elif vector["kind"] == "single_event":
            (only_rule,) = vector["rules"]
            rule = Rule(
                "x",
                "low",
                only_rule["threshold_celsius"],
                inclusive=True,
                mode="consecutive",
                minutes=only_rule["minutes"],
            )
            dips = [value for long in vector["excursions_minutes"] for value in (*[-1.0] * (long // 5), 4.0)]
            assert verdict_of(every_5_minutes(*dips), rule).is_alarm is vector["expected_alarm"]


def test_shipped_profiles_are_those_that_were_published() -> None:
    names = {"WHO type 1": "who-type-1", "vaccine refrigerator (Fridge-tag class, WHO PQS E006/TR06)": "refrigerator"}
    for vector in load_vectors("temperature_alarms"):
        if vector["kind"] == "profile":
            expected = {
                (
                    "high" if rule["side"] == "upper" else "low",
                    rule["threshold_celsius"],
                    rule["inclusive"],
                    {"accumulative": "accumulated"}.get(rule["activation"], rule["activation"]),
                    rule["minutes"],
                )
                for rule in vector["rules"]
            }
            rules = profile(names[vector["name"]]).rules
            assert {(rule.side, rule.threshold, rule.inclusive, rule.mode, rule.minutes) for rule in rules} == expected
    assert all(rule.source for each in PROFILES for rule in each.rules)


def test_rules_can_be_written_by_the_hospital() -> None:
    (rule,) = read_rules(
        '[[rule]]\nname = "tủ 3"\nside = "high"\nthreshold_celsius = 8\ninclusive = false\n'
        'mode = "consecutive"\nminutes = 30\nhysteresis_celsius = 0.5\nseverity = "warning"\nsource = "QĐ 12"\n'
    )
    assert rule == Rule(
        "tủ 3",
        "high",
        8.0,
        inclusive=False,
        mode="consecutive",
        minutes=30.0,
        hysteresis=0.5,
        severity="warning",
        source="QĐ 12",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected only \\[\\[rule\\]\\]"),
        ("[[rule]\n", "not TOML"),
        ("[[rule]]\nname='a'\n", "threshold_celsius"),
        (
            "[[rule]]\nname='a'\nside='up'\nthreshold_celsius=8\ninclusive=true\nmode='consecutive'\nminutes=1\n",
            "high, low",
        ),
        (
            "[[rule]]\nname='a'\nside='high'\nthreshold_celsius=nan\ninclusive=true\nmode='consecutive'\nminutes=1\n",
            "nan",
        ),
        (
            "[[rule]]\nname='a'\nside='high'\nthreshold_celsius=8\ninclusive=1\nmode='consecutive'\nminutes=1\n",
            "true or false",
        ),
        ("[[rule]]\nname='a'\nthreshold_celsius=8\nlimit=3\n", "unknown limit"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_its_key(text: str, told: str) -> None:
    with pytest.raises(FileProblemsError, match=told):
        read_rules(text)
