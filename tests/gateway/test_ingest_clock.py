"""Is the sender's clock to be believed? Pure."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.ingest.backlog import QUIET_S, BacklogWatch
from gateway.ingest.device_clock import EARLIEST, OFFSET_MAX_S, SenderClock, judge_clock, settle_time

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
RIGHT = SenderClock(suspect=False, offset_s=0.0, measured=True)


def _judge(offset_s: float, *, waited: bool = False, known: float | None = None) -> SenderClock:
    return judge_clock(NOW + timedelta(seconds=offset_s), NOW, may_have_waited=waited, known_offset_s=known)


def test_two_minutes_either_way_are_believed() -> None:
    assert [_judge(offset).suspect for offset in (-120, 0, 120)] == [False, False, False]
    assert [_judge(offset).suspect for offset in (-121, 121)] == [True, True]


def test_a_frame_that_waited_in_the_broker_is_not_from_a_slow_clock() -> None:
    assert _judge(-7200, waited=True) == SenderClock(suspect=False, offset_s=0.0, measured=False)


def test_unless_its_sender_was_known_to_be_slow() -> None:
    assert _judge(-7200, waited=True, known=-3600.0) == SenderClock(suspect=True, offset_s=-3600.0, measured=False)


def test_waiting_explains_no_time_in_the_future_and_none_before_this_system() -> None:
    assert _judge(3600, waited=True).suspect
    assert judge_clock(datetime(1970, 1, 1, tzinfo=UTC), NOW, may_have_waited=True, known_offset_s=None).suspect


def test_a_right_clock_leaves_a_row_alone_however_old() -> None:
    assert settle_time(RIGHT, NOW - timedelta(days=30), NOW) == (NOW - timedelta(days=30), None)


def test_a_suspect_row_is_moved_by_the_clocks_offset() -> None:
    wrong = _judge(-3600)
    claimed = NOW - timedelta(seconds=3600 + 45)
    assert settle_time(wrong, claimed, NOW) == (NOW - timedelta(seconds=45), claimed)


def test_a_row_in_the_future_of_a_right_clock_happened_when_it_came() -> None:
    """The clock was set back between the row and the frame."""
    claimed = NOW + timedelta(hours=2)
    assert settle_time(RIGHT, claimed, NOW) == (NOW, claimed)


@given(
    sent_at=st.datetimes(timezones=st.just(UTC)),
    occurred_at=st.datetimes(timezones=st.just(UTC)),
    waited=st.booleans(),
    known=st.none() | st.floats(-1e9, 1e9),
)
def test_whatever_a_device_claims_the_row_lies_between_the_beginning_and_now(
    sent_at: datetime, occurred_at: datetime, waited: bool, known: float | None
) -> None:
    clock = judge_clock(sent_at, NOW, may_have_waited=waited, known_offset_s=known)
    settled, claimed = settle_time(clock, occurred_at, NOW)
    assert EARLIEST <= settled <= NOW + timedelta(seconds=OFFSET_MAX_S)
    assert claimed in (None, occurred_at)
    assert (claimed is None) == (settled == occurred_at and not clock.suspect) or claimed == occurred_at


def test_after_a_connection_messages_may_have_waited_until_there_is_a_pause() -> None:
    backlog = BacklogWatch()
    backlog.connected(100.0)
    assert [backlog.message(at) for at in (100.1, 100.2, 101.0)] == [True, True, True]
    assert backlog.message(101.0 + QUIET_S) is False
    assert backlog.message(103.1) is False


def test_or_until_a_fresh_one_came_and_a_jam_begins_it_anew() -> None:
    backlog = BacklogWatch()
    backlog.connected(100.0)
    assert backlog.message(100.1)
    backlog.fresh()
    assert not backlog.message(100.2)
    backlog.jammed()
    assert backlog.message(100.3)
