"""Several pharmacists at once, each on a connection of their own: the last box goes to one, the others are told."""

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from gateway.stock import handing_over, issuing, picking
from gateway.stock.errors import WorkRefusedError
from gateway.stock.outgoing import AskedLine, NewOutgoing, read_outgoing
from gateway.stock.verify import verify_books
from tests.gateway.ingest_kit import Database
from tests.gateway.work_out_kit import NOW, PARA, Counter, code

pytestmark = pytest.mark.integration

Connection = psycopg.Connection[Any]
PEOPLE = ("lan", "mai", "dung", "hoa")


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    """A counter whose books are proven when the test is over."""
    counter = Counter(database.dsn)
    yield counter
    proof = verify_books(counter.connection)
    counter.connection.close()
    assert proof.ok, proof


def at_once(counter: Counter, work: Callable[[str, Connection], None]) -> None:
    """Each person on a connection and a thread of their own, begun together; the first failure is told."""
    failures: list[BaseException] = []
    together = threading.Barrier(len(PEOPLE))

    def run(person: str) -> None:
        try:
            with psycopg.connect(counter.dsn) as connection:
                connection.autocommit = True
                together.wait(60)
                work(person, connection)
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(person,)) for person in PEOPLE]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    if failures:
        raise failures[0]


def ask(connection: Connection, person: str, *asked: tuple[str, int]) -> uuid.UUID:
    new = NewOutgoing(uuid.uuid4(), "issue", "store", tuple(AskedLine(*one) for one in asked), person, "ward")
    with connection.transaction():
        issuing.begin_issue(connection, new, NOW)
    return new.document_id


def test_the_last_box_goes_to_one_and_the_others_are_told_who_has_it(counter: Counter) -> None:
    counter.stock(100, serial="S1")
    given: dict[str, int] = {}
    told: dict[str, str] = {}

    def issue(person: str, connection: Connection) -> None:
        document_id = ask(connection, person, (PARA, 100))
        body = read_outgoing(connection, document_id).body
        given[person] = sum(one["quantity"] for one in body["proposed"])
        told[person] = " ".join(
            [one["text"] for one in body["not_offered"]]
            + [str(taken["person"]) for short in body["short_at_first"] for taken in short["taken_lately"]]
        )
        if given[person]:
            with connection.transaction():
                handing_over.complete(connection, document_id, person, NOW, as_proposed=True)

    at_once(counter, issue)
    (winner,) = [person for person, quantity in given.items() if quantity]
    assert given[winner] == 100
    assert all(winner in told[person] for person in PEOPLE if person != winner), told
    assert counter.there().on_hand == 0


def test_one_pack_is_in_one_basket_only(counter: Counter) -> None:
    counter.stock(100, serial="S1")
    counter.stock(400)
    outcomes: dict[str, str] = {}

    def take(person: str, connection: Connection) -> None:
        document_id = ask(connection, person, (PARA, 100))
        try:
            with connection.transaction():
                new = picking.NewPick(uuid.uuid4(), document_id, person, code("S1"))
                picking.pick(connection, new, NOW)
            outcomes[person] = "has it"
        except WorkRefusedError as refused:
            outcomes[person] = str(refused.values["person"])

    at_once(counter, take)
    (winner,) = [person for person, outcome in outcomes.items() if outcome == "has it"]
    assert {outcome for person, outcome in outcomes.items() if person != winner} == {winner}


def test_requests_of_several_products_in_any_order_never_wait_in_a_circle_nor_go_below_zero(counter: Counter) -> None:
    for lot in ("L1", "L2", "L3"):
        counter.stock(40, lot)
        counter.stock(40, lot, product="VIT-C")
    given: list[int] = []

    def issue(person: str, connection: Connection) -> None:
        products = [PARA, "VIT-C"] if PEOPLE.index(person) % 2 else ["VIT-C", PARA]
        for _ in range(6):
            document_id = ask(connection, person, *((product, 7) for product in products))
            if not read_outgoing(connection, document_id).body["proposed"]:
                continue
            with connection.transaction():
                done = handing_over.complete(connection, document_id, person, NOW, as_proposed=True)
            given.append(sum(one["given"] for one in done.body["results"] if one["product_id"] == PARA))

    at_once(counter, issue)
    assert sum(given) == 120, "24 requests of 7 are more than 120: all of it went out, and not one more"
    assert [counter.there(lot=lot).on_hand for lot in ("L1", "L2", "L3")] == [0, 0, 0]


def test_the_same_handing_over_sent_by_all_at_once_is_booked_once(counter: Counter) -> None:
    counter.stock(50)
    document_id = counter.ask((PARA, 10))

    def send(_person: str, connection: Connection) -> None:
        with connection.transaction():
            done = handing_over.complete(connection, document_id, "lan", NOW, as_proposed=True)
        assert done.state == "posted"

    at_once(counter, send)
    assert counter.there().on_hand == 40
