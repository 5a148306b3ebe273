"""A stocktake compares each count with what the books have at its instant, and takes two people."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.errors import InventoryError
from inventory.stocktake import (
    Count,
    LaterPosting,
    LineVerdict,
    Rules,
    State,
    StocktakeError,
    after_count,
    cancel,
    expected_at,
    judge_line,
    post,
    reopen,
    require_countable,
    submit,
    verify,
)

FREEZE = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
STRICT = Rules()


def minute(number: int) -> datetime:
    return FREEZE + timedelta(minutes=number)


def count(quantity: int, expected: int = 100, by: str = "lan") -> Count:
    return Count(quantity, by, minute(10), expected)


def verdict(*counts: Count, rules: Rules = STRICT, is_controlled: bool = False) -> str:
    return judge_line(counts, rules, is_controlled=is_controlled).verdict


def test_what_moves_before_the_count_is_expected_there_and_what_moves_after_it_is_not() -> None:
    """100 at the freeze; 10 leave at minute 5, 20 at minute 15; the shelf is counted at minute 10: 90 expected."""
    postings = [LaterPosting(minute(5), -10), LaterPosting(minute(15), -20)]
    assert expected_at(70, postings, minute(10)) == 90
    assert expected_at(70, postings, minute(4)) == 100
    assert expected_at(70, postings, minute(5)) == 90, "what happens at the instant of the count has happened"
    assert expected_at(70, postings, minute(60)) == 70


def test_a_movement_delivered_late_changes_what_is_expected_at_the_count() -> None:
    """An offline scan of minute 5 reaches the books after the count of minute 10."""
    assert expected_at(100, [], minute(10)) == 100
    assert expected_at(90, [LaterPosting(minute(5), -10)], minute(10)) == 90


DELTAS = st.lists(st.tuples(st.integers(-60, 60), st.integers(-50, 50), st.booleans()), max_size=20)


@given(st.integers(0, 1000), DELTAS, st.integers(-70, 70))
def test_it_is_the_frozen_expectation_and_the_movements_between(
    before: int,
    deltas: list[tuple[int, int, bool]],
    at: int,
) -> None:
    """Some postings were known at the freeze, even of a clock ahead of it; others came late, of times before it."""
    frozen = before + sum(quantity for _, quantity, known in deltas if known)
    now = before + sum(quantity for _, quantity, _ in deltas)
    between = sum(quantity for when, quantity, known in deltas if not known and when <= at)
    not_yet = sum(quantity for when, quantity, known in deltas if known and when > at)
    postings = [LaterPosting(minute(when), quantity) for when, quantity, _ in deltas]
    assert expected_at(now, postings, minute(at)) == frozen + between - not_yet


def test_one_count_that_fits_is_enough() -> None:
    found = judge_line([count(100)], STRICT, is_controlled=False)
    assert (found.verdict, found.variance, found.is_settled) == ("agreed", 0, True)


def test_a_difference_beyond_the_tolerance_is_counted_again() -> None:
    assert verdict(count(99)) == "recount"
    assert verdict(count(99), rules=Rules(tolerance_units=1)) == "agreed"
    assert verdict(count(98), rules=Rules(tolerance_units=1)) == "recount"
    assert verdict(count(98), rules=Rules(tolerance_permille=20)) == "agreed"
    assert verdict(count(97), rules=Rules(tolerance_permille=20)) == "recount"
    assert verdict(count(1, expected=-5), rules=Rules(tolerance_permille=1000)) == "recount"


def test_a_difference_within_the_tolerance_is_booked_all_the_same() -> None:
    assert judge_line([count(99)], Rules(tolerance_units=1), is_controlled=False).variance == -1


def test_a_controlled_drug_takes_two_people_even_if_the_first_count_fits() -> None:
    rules = Rules(tolerance_units=5, recount_by_another=False)
    assert verdict(count(100), rules=rules, is_controlled=True) == "recount"
    assert verdict(count(100), count(100), rules=rules, is_controlled=True) == "recount", "the same person twice"
    assert verdict(count(100), count(100, by="minh"), rules=rules, is_controlled=True) == "confirmed"


def test_two_people_who_find_the_same_difference_confirm_it_though_goods_moved_between() -> None:
    found = judge_line([count(95), count(75, expected=80, by="minh")], STRICT, is_controlled=False)
    assert (found.verdict, found.variance) == ("confirmed", -5)
    assert "lan and minh agree" in found.text


def test_the_same_person_confirms_only_where_the_rules_allow_it() -> None:
    assert verdict(count(95), count(95)) == "recount"
    assert verdict(count(95), count(95), rules=Rules(recount_by_another=False)) == "confirmed"


def test_the_third_count_decides_between_two_and_three_that_differ_are_a_case() -> None:
    first, second = count(95), count(96, by="minh")
    assert verdict(first, second) == "recount"
    decided = judge_line([first, second, count(95, by="hoa")], STRICT, is_controlled=False)
    assert (decided.verdict, decided.variance) == ("confirmed", -5)
    disputed = judge_line([first, second, count(97, by="hoa")], STRICT, is_controlled=False)
    assert (disputed.verdict, disputed.variance, disputed.is_settled) == ("disputed", None, False)


def test_what_nobody_counted_has_no_difference_and_is_never_zeroed() -> None:
    found = judge_line([], STRICT, is_controlled=False)
    assert (found.verdict, found.variance) == ("uncounted", None)


@given(st.lists(st.tuples(st.integers(90, 102), st.sampled_from(["lan", "minh", "hoa"])), max_size=5), st.booleans())
def test_a_difference_is_booked_only_if_one_count_fits_or_two_people_found_it(
    counts: list[tuple[int, str]],
    is_controlled: bool,
) -> None:
    made = [count(quantity, by=person) for quantity, person in counts]
    found = judge_line(made, Rules(tolerance_units=2), is_controlled=is_controlled)
    if found.variance is None:
        assert not found.is_settled
        return
    who = {one.counted_by for one in made if one.variance == found.variance}
    assert len(who) >= 2 or (len(made) == 1 and not is_controlled and abs(found.variance) <= 2)


def test_somebody_else_counts_again() -> None:
    require_countable("counting", [], "lan", STRICT, is_controlled=False)
    with pytest.raises(StocktakeError, match="lan has counted this line"):
        require_countable("recounting", [count(99)], "lan", STRICT, is_controlled=False)
    require_countable("recounting", [count(99)], "minh", STRICT, is_controlled=False)
    require_countable("recounting", [count(99), count(98, by="minh")], "lan", STRICT, is_controlled=False)
    alone = Rules(recount_by_another=False)
    require_countable("recounting", [count(99)], "lan", alone, is_controlled=False)
    with pytest.raises(StocktakeError, match="somebody else"):
        require_countable("recounting", [count(99)], "lan", alone, is_controlled=True)


AGREED = LineVerdict("agreed", 0, "")
RECOUNT = LineVerdict("recount", None, "")
UNCOUNTED = LineVerdict("uncounted", None, "")


def test_the_way_from_counting_to_the_books() -> None:
    assert submit("counting", [AGREED, RECOUNT], leave_uncounted=False) == "recounting"
    assert submit("recounting", [AGREED, AGREED], leave_uncounted=False) == "waiting_verification"
    assert verify("waiting_verification", "minh", {"lan"}) == "verified"
    assert post("verified", [0, -5, None], [0, -5, None]) == "posted"


def test_uncounted_lines_are_left_only_if_somebody_says_so() -> None:
    with pytest.raises(StocktakeError, match="1 lines are not counted"):
        submit("counting", [AGREED, UNCOUNTED], leave_uncounted=False)
    assert submit("counting", [AGREED, UNCOUNTED], leave_uncounted=True) == "waiting_verification"
    with pytest.raises(StocktakeError, match="nothing is counted"):
        submit("counting", [UNCOUNTED], leave_uncounted=True)


def test_who_counted_does_not_verify() -> None:
    with pytest.raises(StocktakeError, match="lan has counted: somebody else verifies"):
        verify("waiting_verification", "lan", {"lan", "minh"})
    with pytest.raises(StocktakeError, match="nobody verifies"):
        verify("waiting_verification", "", {"lan"})


def test_a_difference_that_changed_after_it_was_verified_is_not_booked() -> None:
    with pytest.raises(StocktakeError, match="1 differences have changed"):
        post("verified", [0, -5], [0, -15])
    assert reopen("verified") == "waiting_verification"


def test_a_count_that_disagrees_while_verification_waits_asks_for_counting_again() -> None:
    assert after_count("waiting_verification", RECOUNT) == "recounting"
    assert after_count("waiting_verification", AGREED) == "waiting_verification"
    assert after_count("counting", RECOUNT) == "counting"


STATES: tuple[State, ...] = ("counting", "recounting", "waiting_verification", "verified", "posted", "cancelled")


@pytest.mark.parametrize("state", STATES)
def test_each_act_is_allowed_in_its_own_states_only(state: State) -> None:
    acts: dict[str, tuple[tuple[State, ...], Callable[[], object]]] = {
        "count": (
            ("counting", "recounting", "waiting_verification"),
            lambda: require_countable(state, [], "lan", STRICT, is_controlled=False),
        ),
        "submit": (("counting", "recounting"), lambda: submit(state, [AGREED], leave_uncounted=False)),
        "verify": (("waiting_verification",), lambda: verify(state, "minh", {"lan"})),
        "post": (("verified",), lambda: post(state, [0], [0])),
        "reopen": (("verified",), lambda: reopen(state)),
        "cancel": (STATES[:4], lambda: cancel(state)),
    }
    for allowed, act in acts.values():
        if state in allowed:
            act()
        else:
            with pytest.raises(StocktakeError, match=state):
                act()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Rules(tolerance_units=-1),
        lambda: Rules(tolerance_permille=1001),
        lambda: Rules(counts_max=1),
        lambda: count(-1),
        lambda: count(1, by=""),
        lambda: Count(1, "lan", minute(1).replace(tzinfo=None), 1),
        lambda: expected_at(1, [], minute(1).replace(tzinfo=None)),
    ],
)
def test_what_is_no_rule_and_no_count_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(InventoryError, match=r"expected|no time zone"):
        wrong()
