"""Cases are settled by people who say why; of drugs under special control by two of them."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.stock import cases, discrepancies
from gateway.stock.discrepancies import Case, Resolution
from gateway.stock.errors import SecondPersonError, WorkConflictError, WorkNotFoundError, WorkRefusedError
from gateway.stock.lines import HOSPITAL_ZONE
from gateway.stock.verify import verify_books
from inventory.errors import InsufficientStockError
from tests.gateway.ingest_kit import Database
from tests.gateway.work_out_kit import MORPHINE, NOW, PARA, STORE, WARD, Counter, goods

pytestmark = pytest.mark.integration


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    """A counter with 100 tablets and 20 ampoules, whose books are proven when the test is over."""
    counter = Counter(database.dsn)
    counter.stock(100)
    counter.stock(20, "M1", product=MORPHINE)
    yield counter
    proof = verify_books(counter.connection)
    counter.connection.close()
    assert proof.ok, proof


def open_case(counter: Counter, product: str | None = PARA, **more: Any) -> int:  # noqa: ANN401 - as `cases.open_case`
    with counter.act() as connection:
        cases.open_case(connection, NOW, "not_counted", "nobody counted it", product_id=product, **more)
    return int(counter.rows("SELECT max(discrepancy_id) FROM discrepancy")[0][0])


def resolve(counter: Counter, case: int, how: str, person: str = "lan", **more: Any) -> Case:  # noqa: ANN401
    fields: dict[str, Any] = {"document_id": uuid.uuid4(), "resolve_as": how, "reason": "đã tìm hiểu"} | more
    with counter.act() as connection:
        return discrepancies.resolve(connection, case, Resolution(**fields), person, NOW)


def confirm(counter: Counter, case: int, person: str) -> Case:
    with counter.act() as connection:
        return discrepancies.confirm(connection, case, person, NOW, HOSPITAL_ZONE)


def test_cases_of_controlled_drugs_come_first_then_what_waits_for_a_second_person(counter: Counter) -> None:
    plain, unknown, morphine = open_case(counter), open_case(counter, None), open_case(counter, MORPHINE)
    with counter.act() as connection:
        assert [one.discrepancy_id for one in discrepancies.queue(connection)] == [morphine, plain, unknown]
        (only,) = discrepancies.queue(connection, only_controlled=True)
        assert (only.product_id, only.control_class) == (MORPHINE, "narcotic")
    resolve(counter, plain, "explained")
    with counter.act() as connection:
        assert [one.discrepancy_id for one in discrepancies.queue(connection)] == [morphine, unknown]
        assert len(discrepancies.queue(connection, resolved_too=True)) == 3


def test_a_case_is_settled_by_an_explanation_alone(counter: Counter) -> None:
    case = open_case(counter)
    with counter.act() as connection:
        discrepancies.note(connection, case, "mai", "đã hỏi khoa Nội", NOW)
    settled = resolve(counter, case, "explained")
    assert (settled.resolved_by, settled.resolved_as, settled.resolution) == ("lan", "explained", "đã tìm hiểu")
    with counter.act() as connection:
        acts = [(one.person, one.act, one.text) for one in discrepancies.acts_on(connection, case)]
    assert acts == [("mai", "noted", "đã hỏi khoa Nội"), ("lan", "resolved", "đã tìm hiểu")]
    with pytest.raises(WorkConflictError, match="by lan"):
        resolve(counter, case, "explained", "dung")


def test_a_case_is_settled_with_what_mends_the_books(counter: Counter) -> None:
    lost = {"place_id": "store", "product_id": PARA, "lot": "L1"}
    less = resolve(counter, open_case(counter), "adjusted", **lost, quantity=-3)
    assert less.resolution_document_number == "DC26-000001"
    assert counter.there().on_hand == 97
    resolve(counter, open_case(counter), "adjusted", **lost, quantity=5)
    assert counter.there().on_hand == 102
    resolve(counter, open_case(counter), "found_elsewhere", **lost, to_place_id="ward", quantity=10)
    assert (counter.there(STORE).on_hand, counter.there(WARD).on_hand) == (92, 10)
    issued = counter.issue(goods(12))
    back = resolve(
        counter, open_case(counter, movement_id=issued.movement_id), "reversed", movement_id=issued.movement_id
    )
    assert back.resolution_document_number == "BD26-000001"
    assert counter.there().on_hand == 92


def test_a_movement_that_the_books_refuse_leaves_the_case_open(counter: Counter) -> None:
    case = open_case(counter)
    with pytest.raises(InsufficientStockError):
        resolve(counter, case, "adjusted", place_id="store", product_id=PARA, lot="L1", quantity=-101)
    with counter.act() as connection:
        assert discrepancies.read_case(connection, case).proposal is None
    assert counter.rows("SELECT count(*) FROM stock_document") == [(0,)]


@pytest.mark.parametrize("whose", ["the case's", "the movement's"])
def test_of_a_controlled_drug_one_proposes_and_another_confirms(counter: Counter, whose: str) -> None:
    case = open_case(counter, MORPHINE if whose == "the case's" else None)
    wanted: dict[str, Any] = {
        "document_id": uuid.uuid4(),
        "place_id": "store",
        "product_id": MORPHINE,
        "lot": "M1",
        "quantity": -1,
    }
    for _ in range(2):
        assert resolve(counter, case, "adjusted", **wanted).resolved_at is None
    assert counter.there(lot="M1", product=MORPHINE).on_hand == 20, "nothing is booked yet"
    with pytest.raises(SecondPersonError, match="'lan' proposed it"):
        confirm(counter, case, "lan")
    for _ in range(2):
        settled = confirm(counter, case, "dung")
        assert (settled.resolved_by, settled.resolved_second) == ("lan", "dung")
    assert counter.there(lot="M1", product=MORPHINE).on_hand == 19
    assert counter.rows("SELECT person, second_person FROM movement WHERE kind = 'adjust_out'") == [("lan", "dung")]
    assert counter.rows("SELECT created_by, second_person FROM stock_document") == [("lan", "dung")]


def test_what_was_proposed_can_be_withdrawn_and_the_case_is_open_again(counter: Counter) -> None:
    case = open_case(counter, MORPHINE)
    with pytest.raises(WorkRefusedError, match="nobody proposed"):
        confirm(counter, case, "dung")
    resolve(counter, case, "explained")
    with counter.act() as connection:
        assert discrepancies.withdraw(connection, case, "dung", "chưa rõ", NOW).proposal is None
    with pytest.raises(WorkRefusedError), counter.act() as connection:
        discrepancies.withdraw(connection, case, "dung", "", NOW)
    resolve(counter, case, "explained", "dung")
    assert confirm(counter, case, "lan").resolved_by == "dung"


@pytest.mark.parametrize(
    ("how", "more", "reason"),
    [
        ("explained", {"reason": " "}, "no_reason"),
        ("reversed", {}, "no_movement"),
        ("adjusted", {"place_id": "store"}, "goods_not_told"),
        ("found_elsewhere", {"place_id": "store", "product_id": PARA, "quantity": 1}, "goods_not_told"),
    ],
)
def test_a_resolution_that_does_not_say_enough_is_refused(
    counter: Counter, how: str, more: dict[str, Any], reason: str
) -> None:
    with pytest.raises(WorkRefusedError) as refused:
        resolve(counter, open_case(counter), how, **more)
    assert refused.value.code == reason
    with pytest.raises(WorkNotFoundError):
        resolve(counter, 999_999, "explained")
