"""When a UHF tag has appeared and when it has disappeared."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import Stamp
from edge.presence import Presence, TagKey

BEGIN = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
A = TagKey("3034257bf7194e4000001a85", 1)
A2 = TagKey("3034257bf7194e4000001a85", 2)
B = TagKey("3034257bf7194e4000001a86", 1)


def at(milliseconds: int) -> Stamp:
    return Stamp(BEGIN + timedelta(milliseconds=milliseconds), milliseconds * 1_000_000)


def ns(milliseconds: int) -> int:
    return milliseconds * 1_000_000


def test_a_tag_appears_with_its_first_report_and_never_again_while_it_is_there() -> None:
    presence = Presence(ns(5000))
    assert [presence.report(A, at(t)) for t in (0, 100, 200)] == [True, False, False]


def test_a_tag_disappears_after_the_silence_with_the_time_and_count_of_its_last_report() -> None:
    presence = Presence(ns(5000))
    presence.report(A, at(0))
    presence.report(A, at(1000), seen_count=3)
    assert presence.expire(ns(5999)) == ()
    (gone,) = presence.expire(ns(6000))
    assert (gone.key, gone.last_seen_at, gone.seen_count) == (A, BEGIN + timedelta(seconds=1), 4)
    assert presence.expire(ns(60_000)) == ()


def test_a_tag_that_comes_back_appears_again() -> None:
    presence = Presence(ns(5000))
    presence.report(A, at(0))
    presence.expire(ns(5000))
    assert presence.report(A, at(5001))


def test_two_antennas_see_one_tag_as_two_presences() -> None:
    presence = Presence(ns(5000))
    assert presence.report(A, at(0))
    assert presence.report(A2, at(0))
    presence.report(A, at(4000))
    assert [tag.key for tag in presence.expire(ns(5000))] == [A2]


def test_tags_present_when_the_reader_was_cut_off_have_the_full_time_again_when_it_is_back() -> None:
    presence = Presence(ns(5000))
    presence.report(A, at(0))
    presence.report(B, at(100))
    resumed = presence.resume(ns(3_600_000))
    assert resumed.expire(ns(3_604_999)) == ()
    assert not resumed.report(B, at(3_604_000)), "B was there all the time"
    (gone,) = resumed.expire(ns(3_605_000))
    assert (gone.key, gone.last_seen_at) == (A, BEGIN)
    assert [tag.key for tag in presence.tags] == [A, B], "the presence before the cut is untouched"


def test_time_in_which_nobody_listened_is_no_silence() -> None:
    presence = Presence(ns(5000))
    presence.report(A, at(0))
    presence.report(B, at(8900))
    presence.excuse(ns(8000), ns(9000))
    assert presence.expire(ns(12_999)) == ()
    assert [gone.key for gone in presence.expire(ns(13_000))] == [A]
    assert presence.expire(ns(13_999)) == (), "what was said in the meantime is not put into the future"
    assert [gone.key for gone in presence.expire(ns(14_000))] == [B]


def test_a_reader_that_counts_nothing_still_saw_the_tag_once() -> None:
    presence = Presence(ns(5000))
    presence.report(A, at(0), seen_count=0)
    assert presence.tags[0].seen_count == 1


def test_an_absence_time_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="absent_after_ns is 0: expected a positive number of nanoseconds"):
        Presence(0)


KEYS = st.sampled_from([A, A2, B])
STEPS = st.lists(st.tuples(st.integers(0, 4000), st.none() | KEYS), max_size=60)


def play(steps: Sequence[tuple[int, TagKey | None]], absent_after_ms: int) -> list[tuple[str, TagKey, int]]:
    """Play waits and reports (or, for None, a look at the clock); what came out, with its time in milliseconds."""
    presence, now, out = Presence(ns(absent_after_ms)), 0, []
    for wait, key in steps:
        now += wait
        out += [("gone", tag.key, now) for tag in presence.expire(ns(now))]
        if key is not None and presence.report(key, at(now)):
            out.append(("there", key, now))
    return out


@given(STEPS)
def test_appearing_and_disappearing_alternate_for_every_tag(steps: list[tuple[int, TagKey | None]]) -> None:
    out = play(steps, 5000)
    for key in (A, A2, B):
        changes = [change for change, changed, _ in out if changed == key]
        assert changes == ["there", "gone"] * (len(changes) // 2) + ["there"] * (len(changes) % 2)


@given(STEPS)
def test_the_changes_are_those_that_the_reports_of_each_tag_alone_say(steps: list[tuple[int, TagKey | None]]) -> None:
    """A model that looks at each tag by itself, from all of its report times."""
    times, now = [], 0
    for wait, key in steps:
        now += wait
        times.append((now, key))
    expected: list[tuple[str, TagKey, int]] = []
    for key in (A, A2, B):
        last: int | None = None
        for time, reported in times:
            if last is not None and time - last >= 5000:
                expected.append(("gone", key, time))
                last = None
            if reported == key:
                if last is None:
                    expected.append(("there", key, time))
                last = time
    assert sorted(play(steps, 5000), key=repr) == sorted(expected, key=repr)


@given(STEPS)
def test_the_same_reports_give_the_same_changes_in_the_same_order(steps: list[tuple[int, TagKey | None]]) -> None:
    assert play(steps, 3000) == play(steps, 3000)


@given(STEPS)
def test_a_listing_is_ordered_by_silence(steps: list[tuple[int, TagKey | None]]) -> None:
    presence, now = Presence(ns(5000)), 0
    for wait, key in steps:
        now += wait
        if key is not None:
            presence.report(key, at(now))
    silences = [tag.quiet_since_ns for tag in presence.tags]
    assert silences == sorted(silences)
