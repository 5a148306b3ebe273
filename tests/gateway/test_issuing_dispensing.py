"""Dispense to a patient: by card, by number, by prescription; whole packs, parts, and only what is sound."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.stock import dispensing
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError
from gateway.stock.outgoing import AskedLine, NewOutgoing
from gateway.stock.verify import verify_books
from tests.gateway.ingest_kit import Database
from tests.gateway.people_kit import READING
from tests.gateway.work_out_kit import NOW, PARA, PATIENT, PATIENT_NUMBER, Counter, code

pytestmark = pytest.mark.integration


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    """A counter whose books are proven when the test is over."""
    counter = Counter(database.dsn)
    yield counter
    proof = verify_books(counter.connection)
    counter.connection.close()
    assert proof.ok, proof


def dispense(counter: Counter, quantity: int, **more: Any) -> uuid.UUID:  # noqa: ANN401 - fields of NewOutgoing
    fields: dict[str, Any] = {"from_place_id": "store", "created_by": "lan", "patient_id": PATIENT}
    new = NewOutgoing(uuid.uuid4(), "dispensing", lines=(AskedLine(PARA, quantity),), **fields | more)
    with counter.act() as connection:
        assert dispensing.begin_dispensing(connection, new, NOW) == "created"
    return new.document_id


def by_card(counter: Counter, **where: Any) -> dispensing.PatientChosen:  # noqa: ANN401 - place or device
    with counter.act() as connection:
        return dispensing.patient_by_card(connection, NOW, READING, **where)


def test_the_newest_genuine_card_at_the_reader_is_the_patient(counter: Counter) -> None:
    counter.tap(minutes_ago=2)
    chosen = by_card(counter, place_id="desk")
    assert (chosen.patient_id, chosen.patient_number, chosen.allergy_flag) == (PATIENT, PATIENT_NUMBER, True)
    assert (chosen.chosen_by, chosen.queue_number) == ("card", 7)
    with pytest.raises(WorkNotFoundError, match="no card"):
        by_card(counter, place_id="store")


def test_a_card_that_could_not_prove_itself_hides_the_one_before(counter: Counter) -> None:
    counter.tap(minutes_ago=3)
    counter.tap("not_genuine", minutes_ago=1)
    with pytest.raises(WorkNotFoundError, match="not to be trusted") as refused:
        by_card(counter, place_id="desk")
    assert refused.value.code == "card_refused"


def test_a_card_shown_long_ago_is_nobodys(counter: Counter) -> None:
    counter.tap(minutes_ago=16)
    with pytest.raises(WorkNotFoundError, match="no card was put on the reader lately"):
        by_card(counter)


def test_a_card_that_was_reported_lost_since_it_was_shown_is_refused(counter: Counter) -> None:
    counter.tap()
    counter.run("UPDATE card SET state = 'lost'")
    with pytest.raises(WorkNotFoundError) as refused:
        by_card(counter)
    assert refused.value.code == "card_refused"


def test_a_patient_is_found_by_number_and_by_an_earlier_prescription(counter: Counter) -> None:
    counter.stock(100)
    with counter.act() as connection:
        assert dispensing.patient_by_number(connection, "2600 0017", NOW, READING).patient_id == PATIENT
        assert dispensing.patient_by_prescription(connection, "DT-77", NOW, READING) is None
        with pytest.raises(WorkNotFoundError, match="no patient has this number"):
            dispensing.patient_by_number(connection, "1", NOW, READING)
    dispense(counter, 5, prescription_number=" DT-77 ")
    with counter.act() as connection:
        again = dispensing.patient_by_prescription(connection, "DT-77", NOW, READING)
    assert again is not None
    assert (again.patient_id, again.chosen_by) == (PATIENT, "prescription_number")


def test_a_part_of_a_pack_is_dispensed_and_the_movement_leads_to_the_patient_without_a_name(counter: Counter) -> None:
    counter.stock(100, serial="S1")
    document = dispense(counter, 12)
    counter.scan(document, code("S1"))
    assert counter.hand_over(document).state == "posted"
    assert counter.rows("SELECT units, account_id FROM pack") == [(88, "place:store")]
    (row,) = counter.rows(
        "SELECT m.kind, m.quantity, m.serial_number, m.to_account_id, m.person, d.patient_id FROM movement m"
        " JOIN stock_document d USING (document_id)"
    )
    assert row == ("dispense", 12, "S1", "dispensed", "lan", PATIENT)
    everything = str(counter.rows("SELECT to_jsonb(d), to_jsonb(m) FROM stock_document d JOIN movement m ON true"))
    assert "Nguyễn" not in everything


def test_for_nobody_nothing_is_dispensed(counter: Counter) -> None:
    counter.stock(10)
    for wrong, reason in (({"patient_id": None}, "no_patient"), ({"patient_id": uuid.uuid4()}, "unknown_patient")):
        with pytest.raises(WorkRefusedError) as refused:
            dispense(counter, 1, **wrong)
        assert refused.value.code == reason
    document = dispense(counter, 1, patient_id=None, prescription_number="DT-78")
    assert counter.hand_over(document, as_proposed=True).prescription_number == "DT-78"
