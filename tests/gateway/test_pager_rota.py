"""Who is on call when: turns, shifts over midnight, holidays, swaps, holes; pure."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pager.people import Person
from gateway.pager.rota import Layer, Override, Rota

HCM = ZoneInfo("Asia/Ho_Chi_Minh")
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 11, 23)
WEEK = timedelta(days=7)


def at(day: int, hour: int, minute: int = 0, zone: ZoneInfo = HCM) -> datetime:
    """A local time, days counted from Monday."""
    return datetime.combine(MONDAY + timedelta(days=day), time(hour, minute), tzinfo=zone)


def layer(*members: str, number: int = 1, **more: object) -> Layer:
    """A week each, handed over on Monday at eight."""
    values: dict[str, object] = {"level": 1, "first_day": MONDAY, "hand_over_at": time(8), **more}
    return Layer(layer_id=UUID(int=number), name="trực", members=members, **values)  # type: ignore[arg-type]


def names(rota: Rota, start: datetime, end: datetime) -> list[tuple[str | None, str]]:
    """Who, and until when by the local clock."""
    return [(s.username, f"{s.ends_at.astimezone(rota.zone):%d/%m %H:%M}") for s in rota.shifts(1, start, end)]


def test_a_week_each_is_handed_over_at_the_agreed_hour() -> None:
    rota = Rota(HCM, [layer("an", "binh")])
    assert names(rota, at(0, 8), at(14, 8)) == [("an", "30/11 08:00"), ("binh", "07/12 08:00")]
    assert rota.who(1, at(7, 7, 59)) == "an"
    assert rota.who(1, at(7, 8)) == "binh"
    assert rota.who(1, at(-1, 12)) is None


def test_nights_and_days_are_two_layers_and_a_night_belongs_to_the_day_it_begins() -> None:
    days = layer("an", number=1, from_time=time(7), to_time=time(19), weekdays=frozenset(range(1, 6)))
    nights = layer("binh", number=2, from_time=time(19), to_time=time(7), weekdays=frozenset(range(1, 6)))
    rota = Rota(HCM, [days, nights])
    assert rota.who(1, at(5, 6, 59)) == "binh"  # Saturday morning: Friday's night
    assert rota.who(1, at(5, 7)) is None
    holes = rota.holes(1, at(0, 7), at(7, 7))
    assert [(hole.starts_at, hole.ends_at, hole.why) for hole in holes] == [(at(5, 7), at(7, 7), "nobody")]


def test_holidays_have_their_own_people_and_swaps_go_before_everything() -> None:
    usual = layer("an", number=1, holidays="never")
    holiday = layer("chi", number=2, holidays="only")
    off = Override(uuid4(), 1, "binh", at(2, 12), at(2, 18), at(0, 9), "khám bệnh")
    rota = Rota(HCM, [usual, holiday], [off], {MONDAY + timedelta(days=1): "Quốc khánh"})
    assert names(rota, at(0, 8), at(3, 0)) == [
        *(("an", "24/11 00:00"), ("chi", "25/11 00:00"), ("an", "25/11 12:00"), ("binh", "25/11 18:00")),
        ("an", "26/11 00:00"),
    ]


def test_whoever_can_not_be_reached_is_no_one_on_call_and_the_next_layer_counts() -> None:
    first, second = layer("an", number=1, priority=5), layer("binh", number=2)
    assert Rota(HCM, [first, second], reachable={"binh"}).who(1, at(1, 3)) == "binh"
    hole = Rota(HCM, [first], reachable={"binh"}).holes(1, at(0, 8), at(1, 8))
    assert [each.why for each in hole] == ["unreachable"]


def test_turns_end_at_the_same_local_hour_when_clocks_are_changed() -> None:
    rota = Rota(BERLIN, [layer("an", "binh", first_day=date(2026, 10, 19))])
    change = datetime(2026, 10, 26, 8, tzinfo=BERLIN)  # after the night with 25 hours
    shifts = rota.shifts(1, datetime(2026, 10, 19, 8, tzinfo=BERLIN), change + WEEK)
    assert [shift.ends_at.astimezone(BERLIN) for shift in shifts] == [change, change + WEEK]


@given(
    st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23), st.sets(st.integers(1, 7), min_size=1)), max_size=4),
    st.integers(0, 20 * 24 * 60),
)
def test_the_shifts_of_a_span_say_the_same_as_asking_each_moment(
    hours: list[tuple[int, int, set[int]]], minute: int
) -> None:
    layers = [
        layer("an", "binh", number=n + 1, from_time=time(a), to_time=time(b), weekdays=frozenset(days), turn_days=2)
        for n, (a, b, days) in enumerate(hours)
        if a != b
    ]
    rota = Rota(HCM, layers)
    start, end = at(0, 5, 30), at(21, 0)
    shifts = rota.shifts(1, start, end)
    assert (shifts[0].starts_at, shifts[-1].ends_at) == (start, end)
    assert all(one.ends_at == other.starts_at for one, other in pairwise(shifts))
    moment = start + timedelta(minutes=minute)
    found = next(shift for shift in shifts if shift.starts_at <= moment < shift.ends_at)
    assert found.username == rota.who(1, moment)


def test_a_layer_that_means_nothing_is_refused() -> None:
    for wrong, says in (
        ({"level": 4}, "level: got 4"),
        ({"turn_days": 0}, "turn_days"),
        ({"from_time": time(7)}, "from_time and to_time"),
        ({"weekdays": frozenset({8})}, "weekdays"),
    ):
        with pytest.raises(ValueError, match=says):
            layer("an", **wrong)
    with pytest.raises(ValueError, match="members: got none"):
        layer()


def test_quiet_hours_over_midnight_end_on_the_right_day() -> None:
    person = Person("an", "An", (), (), time(22), time(6))
    assert person.quiet_until(at(0, 23), HCM) == at(1, 6)
    assert person.quiet_until(at(1, 5, 59), HCM) == at(1, 6)
    assert person.quiet_until(at(1, 6), HCM) is None
    assert Person("an", "An", (), (), time(12), time(13)).quiet_until(at(0, 12, 30).astimezone(UTC), HCM) == at(0, 13)
