"""The way through a queue and the order of calling, without a database: undoing is exact, and nobody starves."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.visits.errors import VisitRefusedError
from gateway.visits.priority import (
    BEHIND_WHEN_BACK,
    PRIORITIES,
    PRIORITY_RUN,
    Priority,
    Waiting,
    calling_order,
    has_priority,
    place_when_back,
    priority_by_age,
    run_of,
)
from gateway.visits.states import Kind, Stay, Step, fold, standing, take, undoable

NOW: Final = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
AFTER: Final[tuple[Kind, ...]] = (
    *("prioritised", "called", "recalled", "entered", "missed", "returned"),
    *("finished", "left", "transferred", "withdrawn"),
)


def step(kind: Kind, minutes: int, number: int = 0) -> Step:
    return Step(uuid.UUID(int=number), kind, NOW + timedelta(minutes=minutes), "room-1", "pregnant")


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*AFTER, "undo"]), max_size=40))
def test_undoing_any_step_leaves_exactly_what_was_before(tries: list[str]) -> None:
    steps = [step("queued", 0)]
    stays: list[Stay] = [fold(steps)]
    undone: set[uuid.UUID] = set()
    for number, kind in enumerate(tries, 1):
        stand = standing(steps, frozenset(undone))
        if kind == "undo":
            last = undoable(stand)
            assert (last is None) == (len(stays) == 1)
            if last is not None:
                undone.add(last.event_id)
                stays.pop()
        else:
            new = step(kind, number, number)  # type: ignore[arg-type]  # drawn from the kinds
            try:
                stays.append(take(stays[-1], new))
            except VisitRefusedError:
                with pytest.raises(VisitRefusedError):
                    fold([*stand, new])
                continue
            steps.append(new)
        assert fold(standing(steps, frozenset(undone))) == stays[-1]


def test_a_patient_is_called_enters_and_is_done_and_a_missed_call_is_no_end() -> None:
    stay = fold([step("queued", 0), step("called", 5), step("recalled", 7), step("missed", 9)])
    assert (stay.phase, stay.times_called) == ("absent", 2)
    back = take(stay, step("returned", 20))
    assert (back.phase, back.room_id, back.arrived_at) == ("waiting", None, NOW)
    done = take(take(take(back, step("called", 30)), step("entered", 31)), step("finished", 40))
    assert done.phase == "done"
    assert done.first_called_at == NOW + timedelta(minutes=5), "how long they waited is told by the first call"
    for kind in AFTER:
        with pytest.raises(VisitRefusedError, match="done"):
            take(done, step(kind, 50))


def test_the_age_gives_priority_as_the_law_says() -> None:
    today = date(2026, 11, 22)
    assert priority_by_age(date(2020, 11, 23), today) == "child_under_6", "six tomorrow"
    assert priority_by_age(date(2020, 11, 22), today) == "none", "six today"
    assert priority_by_age(date(1951, 11, 22), today) == "elderly", "75 today"
    assert priority_by_age(date(1951, 11, 23), today) == "none"
    assert priority_by_age(date(1940, 1, 1), today) == "elderly", "over 80 all the more"
    assert priority_by_age(None, today) == "none"
    assert priority_by_age(date(2027, 1, 1), today) == "none", "a birth date that is wrong gives nothing"


def waiting(number: int, priority: Priority, minutes: int, due: int | None = None) -> Waiting:
    due_at = NOW + timedelta(minutes=due) if due is not None else None
    return Waiting(uuid.UUID(int=number), priority, NOW + timedelta(minutes=minutes), number, due_at)


def test_emergencies_come_first_and_after_two_with_priority_comes_one_without() -> None:
    line = [
        *(waiting(number, "child_under_6", number) for number in range(1, 6)),
        *(waiting(number, "none", number) for number in range(6, 9)),
        waiting(9, "emergency", 30),
    ]
    assert [one.queue_number for one in calling_order(line, 0, NOW)] == [9, 1, 2, 6, 3, 4, 7, 5, 8]
    assert [one.queue_number for one in calling_order(line, PRIORITY_RUN, NOW)][:3] == [9, 6, 1]
    assert run_of([True, True, False, True]) == 2


def test_an_appointment_counts_from_its_time_on() -> None:
    early, due = waiting(1, "appointment", 0, due=60), waiting(2, "appointment", 5, due=0)
    plain = waiting(3, "none", -5)
    assert calling_order([early, due, plain], 0, NOW) == [due, plain, early]
    assert calling_order([early, due, plain], 0, NOW + timedelta(hours=1)) == [early, due, plain]


def test_who_missed_the_call_stands_behind_the_next_few() -> None:
    line = [waiting(number, "none", number) for number in range(1, 7)]
    back = Waiting(uuid.UUID(int=99), "none", place_when_back(line, NOW), 0)
    order = [one.queue_number for one in calling_order([*line, back], 0, NOW)]
    assert order.index(0) == BEHIND_WHEN_BACK
    assert place_when_back([], NOW) == NOW


ARRIVALS = st.lists(st.tuples(st.sampled_from(PRIORITIES), st.integers(0, 3)), min_size=1, max_size=60)


@settings(max_examples=150)
@given(ARRIVALS)
def test_nobody_starves_however_many_with_priority_come(arrivals: list[tuple[Priority, int]]) -> None:
    """Between any two calls others arrive; each patient is called within the calls that the rule promises."""
    here: list[Waiting] = []
    bounds: dict[int, int] = {}
    calls = run = 0
    coming = list(enumerate(arrivals, 1))
    while coming or here:
        for _ in range(coming[0][1][1] + 1 if coming else 0):
            if not coming:
                break
            number, (priority, _pause) = coming.pop(0)
            one = waiting(number, priority, number)
            line = [each for each in here if each.priority != "emergency"]
            favoured = has_priority(one, NOW)
            ahead = sum(has_priority(each, NOW) == favoured for each in line)
            bounds[number] = calls + (2 * ahead + 2 if favoured else (ahead + 1) * (PRIORITY_RUN + 1))
            here.append(one)
        called = calling_order(here, run, NOW)[0]
        here.remove(called)
        if called.priority == "emergency":
            continue
        calls += 1
        run = min(run + 1, PRIORITY_RUN) if has_priority(called, NOW) else 0
        assert calls <= bounds[called.queue_number], (called, calls, bounds)
