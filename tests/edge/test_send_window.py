"""The send window decides from marks and time alone."""

from random import Random

from edge.send_window import InFlight, SendWindow, WindowLimits

S = 1_000_000_000
LIMITS = WindowLimits(frames_in_flight_max=3, ack_timeout_s=2.0, back_off_max_s=15.0, idle_ask_s=60.0, jitter=0.0)


def window(limits: WindowLimits = LIMITS) -> SendWindow:
    return SendWindow(limits, Random(1))  # noqa: S311 - jitter


def opened(mark: int = 0) -> SendWindow:
    one = window()
    one.connected(0)
    one.asked(0)
    one.open_at(mark, 0)
    return one


def send(one: SendWindow, offered: int, now_ns: int, rows: int = 1) -> list[tuple[int, int]]:
    """Send frames of so many rows until the window is full or all is sent; return their spans."""
    spans = []
    while (after := one.next_after(offered)) is not None:
        last = min(after + rows, offered)
        one.sent(InFlight(after + 1, after + 1, last), now_ns)
        spans.append((after + 1, last))
    return spans


def test_nothing_is_sent_before_the_mark_is_known() -> None:
    one = window()
    assert one.next_after(10) is None
    one.connected(5)
    assert one.ask_due(5)
    one.asked(5)
    assert one.next_after(10) is None
    one.open_at(4, 6)
    assert one.next_after(10) == 4


def test_questions_are_repeated_with_back_off_up_to_a_limit() -> None:
    one = window()
    one.connected(0)
    now_ns = 0
    asked_at_s: list[int] = []
    while len(asked_at_s) < 7:
        if one.ask_due(now_ns):
            asked_at_s.append(now_ns // S)
            one.asked(now_ns)
        now_ns += S
    assert asked_at_s == [0, 2, 6, 14, 29, 44, 59]


def test_jitter_lengthens_each_delay_by_up_to_a_quarter() -> None:
    one = window(WindowLimits(jitter=0.25))
    one.connected(0)
    dues = set()
    for _ in range(50):
        one.doubt(0)
        one.asked(0)
        assert one.due_ns is not None
        dues.add(one.due_ns)
    assert len(dues) == 50
    assert 2.0 * S <= min(dues) < max(dues) <= 2.5 * S


def test_at_most_a_window_of_frames_is_in_flight() -> None:
    one = opened()
    assert send(one, 100, 0, rows=10) == [(1, 10), (11, 20), (21, 30)]
    one.acknowledged(20, 1)
    assert send(one, 100, 1, rows=10) == [(31, 40), (41, 50)]
    assert [frame.first_seq for frame in one.in_flight] == [21, 31, 41]


def test_a_mark_inside_a_frame_lets_go_of_the_frames_before_it_only() -> None:
    one = opened()
    send(one, 30, 0, rows=10)
    one.acknowledged(15, 1)
    assert [frame.first_seq for frame in one.in_flight] == [11, 21]


def test_without_progress_the_gateway_is_asked_and_then_one_frame_is_tried() -> None:
    one = opened()
    send(one, 30, 0, rows=10)
    assert not one.ask_due(2 * S - 1)
    assert one.ask_due(2 * S)
    assert one.asking
    one.asked(2 * S)
    one.open_at(0, 3 * S)
    assert send(one, 30, 3 * S, rows=10) == [(1, 10)]
    # The time-out doubles with each failure, until there is progress.
    assert not one.ask_due(7 * S - 1)
    one.acknowledged(10, 6 * S)
    assert send(one, 50, 6 * S, rows=10) == [(11, 20), (21, 30), (31, 40)]
    assert one.ask_due(8 * S)


def test_progress_starts_the_time_out_anew() -> None:
    one = opened()
    send(one, 30, 0, rows=10)
    one.acknowledged(10, int(1.9 * S))
    assert not one.ask_due(2 * S)
    assert one.ask_due(int(3.9 * S))


def test_a_refused_frame_sends_the_lost_one_again_at_once_but_only_once_without_progress() -> None:
    one = opened()
    send(one, 30, 0, rows=10)
    one.refused(11, 1)
    assert send(one, 30, 1, rows=10) == [(1, 10), (11, 20), (21, 30)]
    one.refused(21, 2)
    assert one.next_after(30) is None
    one.acknowledged(10, 3)
    one.refused(21, 4)
    assert send(one, 30, 4, rows=10) == [(11, 20), (21, 30)]


def test_a_refusal_of_a_frame_that_is_not_in_flight_means_nothing() -> None:
    one = opened()
    send(one, 30, 0, rows=10)
    one.refused(5, 1)
    assert len(one.in_flight) == 3


def test_an_older_mark_while_open_means_nothing() -> None:
    one = opened(mark=20)
    send(one, 30, 0, rows=10)
    one.acknowledged(20, 1)
    one.acknowledged(7, 1)
    assert one.mark == 20
    assert len(one.in_flight) == 1


def test_a_fresh_mark_may_go_back_and_its_rows_are_sent_again() -> None:
    one = opened(mark=20)
    one.doubt(1)
    one.open_at(7, 2)
    assert send(one, 30, 2, rows=10) == [(8, 17), (18, 27), (28, 30)]


def test_an_idle_stream_asks_after_a_minute() -> None:
    one = opened()
    assert not one.ask_due(60 * S - 1)
    assert one.ask_due(60 * S)
    one.asked(60 * S)
    one.open_at(0, 61 * S)
    # Not a failure: the window is as wide as before.
    assert len(send(one, 30, 61 * S, rows=10)) == 3


def test_readings_wait_for_events_that_move_but_not_for_events_that_are_stuck() -> None:
    one = opened()
    assert one.holds_back(offered_seq=5)
    send(one, 50, 0, rows=10)
    assert one.holds_back(offered_seq=50)
    assert not one.holds_back(offered_seq=30)
    assert one.ask_due(2 * S)
    one.asked(2 * S)
    assert not one.holds_back(offered_seq=50)
    one.open_at(0, 3 * S)
    assert not one.holds_back(offered_seq=50)


def test_a_closed_window_neither_sends_nor_asks() -> None:
    one = opened()
    send(one, 30, 0, rows=10)
    one.disconnected()
    assert one.next_after(30) is None
    assert one.due_ns is None
    assert not one.ask_due(10**18)
