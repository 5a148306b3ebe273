"""PUBACKs leave in the order in which the messages came, whoever is done first (MQTT 5 section 4.6)."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from gateway.ingest.puback_order import PubackOrder


def test_a_message_that_is_done_waits_for_those_before_it() -> None:
    order = PubackOrder()
    first, second, third = (order.arrived(packet_id) for packet_id in (17, 4, 9))
    assert order.settle([second], let_go=True) == []
    assert order.settle([first], let_go=True) == [17, 4]
    assert order.settle([third], let_go=True) == [9]


def test_what_is_given_up_gets_no_puback_and_holds_up_nothing() -> None:
    order = PubackOrder()
    first, second = order.arrived(1), order.arrived(2)
    assert order.settle([second], let_go=True) == []
    assert order.settle([first], let_go=False) == [2]


def test_the_first_word_on_a_message_counts() -> None:
    order = PubackOrder()
    first, second, third = order.arrived(1), order.arrived(2), order.arrived(3)
    order.settle([second], let_go=True)
    assert order.settle([second], let_go=False) == []
    assert order.settle([first], let_go=True) == [1, 2]
    assert order.settle([first, second], let_go=False) == []
    assert order.settle([third], let_go=True) == [3]


@given(st.lists(st.booleans(), max_size=40), st.integers())
def test_in_whatever_order_work_is_done_the_order_of_arrival_comes_out(kept: list[bool], seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a test's
    order = PubackOrder()
    left = list(range(len(kept)))
    waiting: list[int] = []
    sent: list[int] = []
    while left or waiting:
        if left and random.random() < 0.5:
            packet_id = left.pop(0)
            waiting.append(order.arrived(packet_id))
        elif waiting:
            number = waiting.pop(random.randrange(len(waiting)))
            sent += order.settle([number], let_go=kept[number])
    assert sent == [packet_id for packet_id, keep in enumerate(kept) if keep]
