"""Queues in a real PostgreSQL: numbers without hole or double, calls by two doors at once, undoing, the series."""

import threading
import uuid
from collections.abc import Sequence
from datetime import date, timedelta

import psycopg
import pytest

from gateway.visits import calling, queues
from gateway.visits.appointments import NewAppointment, import_appointments, read_appointments_csv
from gateway.visits.errors import VisitConflictError, VisitRefusedError
from gateway.visits.hints import hints_of
from gateway.visits.load import load_by_hour, load_totals, percentile
from gateway.visits.opening import open_visit
from gateway.visits.steps import Acting
from tests.gateway.ingest_kit import NOW, Database
from tests.gateway.visit_kit import DOOR_1, DOOR_2, EYE_DOOR, EYES, HEART, ZONE, Desk

pytestmark = pytest.mark.integration
TODAY = NOW.astimezone(ZONE).date()


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database, NOW).furnish()


def test_numbers_have_no_hole_and_no_double_however_many_desks_work_at_once(desk: Desk) -> None:
    """Some of the transactions fail at the end: their number goes to somebody else."""
    patients = [desk.patient() for _ in range(40)]
    ready = threading.Barrier(4)

    def work(mine: list[uuid.UUID]) -> None:
        ready.wait(60)
        for place, patient_id in enumerate(mine):
            with desk.database.pool.connection() as connection, connection.transaction() as transaction:
                clinic = HEART if patient_id.int % 2 else EYES
                open_visit(connection, patient_id, NOW, None, ZONE, source="walk_in", clinic_id=clinic)
                if place % 5 == 4:
                    raise psycopg.Rollback(transaction)

    threads = [threading.Thread(target=work, args=(patients[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for clinic in (HEART, EYES):
        numbers = desk.database.column("SELECT queue_number FROM queue_entry WHERE clinic_id = %s ORDER BY 1", clinic)
        assert numbers == list(range(1, len(numbers) + 1))
    assert desk.database.column("SELECT queue_number FROM visit ORDER BY 1") == list(range(1, 33))
    assert desk.database.value("SELECT sum(visit_count) FROM visit_load_hour WHERE measure = 'queued'") == 32


def test_two_doors_that_call_at_once_never_call_the_same_patient(desk: Desk) -> None:
    waiting = [desk.queued() for _ in range(6)]
    called: list[str] = []
    ready = threading.Barrier(2)

    def door(room_id: str) -> None:
        ready.wait(60)
        for _ in range(3):
            with desk.database.pool.connection() as connection:
                change = calling.call_next(connection, room_id, TODAY, Acting(uuid.uuid4(), NOW, "lan"))
                called.append(change.entry.ticket)
                entering = Acting(uuid.uuid4(), NOW, "lan")
                queues.act(connection, change.entry.entry_id, "entered", entering)

    threads = [threading.Thread(target=door, args=(room_id,)) for room_id in (DOOR_1, DOOR_2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(called) == [one.ticket for one in waiting]


def test_a_patients_way_through_a_clinic_with_a_missed_call_and_every_step_undone(desk: Desk) -> None:
    first, second = desk.queued(), desk.queued()
    assert (first.ticket, second.ticket) == ("TM-001", "TM-002")
    assert desk.call().ticket == "TM-001"
    with pytest.raises(VisitRefusedError, match="TM-001"):
        desk.call()
    assert desk.undo(first).stay.phase == "waiting"
    assert desk.call().ticket == "TM-001", "who was called by mistake is still next"
    assert desk.step(first, "recalled").stay.times_called == 2
    assert desk.step(first, "missed").stay.phase == "absent"
    assert desk.call().ticket == "TM-002"
    with pytest.raises(VisitRefusedError, match="TM-002"):
        desk.undo(first)
    assert desk.step(second, "entered").stay.phase == "in_room"
    back = desk.do(lambda each: queues.bring_back(each, first.entry_id, desk.acting()))
    assert (back.stay.phase, back.stay.arrived_at) == ("waiting", first.stay.arrived_at)
    called = desk.call(finish_current=True)
    assert (called.ticket, desk.entry(second.entry_id).stay.phase) == ("TM-001", "done")
    desk.step(first, "entered")
    done = desk.step(first, "finished")
    assert desk.undo(done).stay.phase == "in_room"
    assert desk.step(first, "finished").stay.phase == "done"
    with pytest.raises(VisitRefusedError, match="done"):
        desk.step(first, "recalled")
    _the_history_is_whole(desk, first.visit_id)
    _the_series_says_what_happened(desk)


def _the_history_is_whole(desk: Desk, visit_id: uuid.UUID) -> None:
    kinds = desk.database.column("SELECT kind FROM visit_event WHERE visit_id = %s ORDER BY position", visit_id)
    assert kinds == [
        *("opened", "queued", "called", "undone", "called", "recalled", "missed", "returned"),
        *("called", "entered", "finished", "undone", "finished"),
    ]
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        desk.database.run("DELETE FROM visit_event")


def _the_series_says_what_happened(desk: Desk) -> None:
    with desk.database.pool.connection() as connection:
        total = load_totals(connection, NOW - timedelta(hours=2), NOW + timedelta(hours=2))[0]
        hours = load_by_hour(connection, NOW - timedelta(hours=2), NOW + timedelta(hours=2))
    assert (total.clinic_id, total.queued, total.called, total.done) == (HEART, 2, 2, 2)
    assert total.wait_p50_minutes is not None
    assert total.wait_p90_minutes is not None
    assert sum(hour.checked_in for hour in hours) == 2
    columns = desk.database.column(
        "SELECT column_name FROM information_schema.columns WHERE table_name IN ('visit_moment', 'visit_load_hour')"
    )
    assert not {"patient_id", "visit_id", "entry_id", "username"} & set(columns)
    assert percentile({1: 5, 7: 4, 60: 1}, 0.5) == 1
    assert percentile({1: 5, 7: 4, 60: 1}, 0.9) == 7


def test_a_transfer_gives_a_number_there_and_undoing_it_brings_the_patient_back(desk: Desk) -> None:
    here = desk.queued(priority="pregnant")
    acting = desk.acting()
    there = desk.do(lambda each: queues.transfer(each, here.entry_id, EYES, acting))
    assert (there.ticket, there.stay.priority) == ("M-001", "pregnant")
    again = desk.do(lambda each: queues.transfer(each, here.entry_id, EYES, acting))
    assert again == there, "told twice it is one transfer"
    assert desk.undo(here).stay.phase == "waiting"
    assert desk.entry(there.entry_id).stay.phase == "withdrawn"
    there = desk.do(lambda each: queues.transfer(each, here.entry_id, EYES, desk.acting()))
    assert there.ticket == "M-002", "the number that was given by mistake is not given again"
    assert desk.call(EYE_DOOR).ticket == "M-002"
    with pytest.raises(VisitRefusedError, match="M-002"):
        desk.undo(here)
    with pytest.raises(VisitRefusedError, match="another clinic"):
        desk.do(lambda each: calling.call_one(each, there.entry_id, DOOR_1, desk.acting()))
    with pytest.raises(VisitConflictError, match="new id"):
        desk.do(lambda each: queues.transfer(each, there.entry_id, HEART, acting))


def test_age_is_looked_at_before_a_call_and_a_person_has_the_last_word(desk: Desk) -> None:
    grown, child, chosen = desk.queued(priority=None), desk.queued(priority=None), desk.queued(priority="none")
    patients = dict(desk.database.rows("SELECT visit_id, patient_id FROM visit"))
    born = {patients[grown.visit_id]: date(2000, 1, 1), patients[child.visit_id]: date(2024, 5, 1)}
    asked: list[uuid.UUID] = []

    def birth_dates(_connection: object, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, date | None]:
        asked.extend(ids)
        return dict(born)

    assert desk.call(birth_dates=birth_dates).entry_id == child.entry_id
    assert sorted(asked) == sorted(born), "who said 'none' is not looked up"
    emergency = desk.do(lambda each: queues.prioritise(each, chosen.entry_id, "emergency", desk.acting()))
    assert emergency.stay.priority == "emergency"
    assert desk.call(DOOR_2, birth_dates=birth_dates).entry_id == chosen.entry_id
    assert len(asked) == 2, "once is enough"


CSV = """reference;patient_number;clinic_id;date;time
A1;BN1;heart;{today};
A2;BN2;heart;{other};09:30
A3;BN9;heart;{today};
A4;BN1;nowhere;{today};
"""


def test_who_comes_on_the_wrong_day_or_to_the_wrong_clinic_is_told_so(desk: Desk) -> None:
    one, two = desk.patient(), desk.patient()
    other = TODAY + timedelta(days=3)
    rows = read_appointments_csv(CSV.format(today=f"{TODAY:%d/%m/%Y}", other=other.isoformat()).encode())
    numbers = {"BN1": one, "BN2": two}
    with desk.database.pool.connection() as connection:
        done = import_appointments(connection, "his", rows, numbers.get, ZONE)
        assert import_appointments(connection, "his", rows, numbers.get, ZONE) == done, "told twice it is one"
    assert (done.taken, done.unknown_patients, done.unknown_clinics) == (2, ("A3",), ("A4",))
    kept = desk.open(one)
    assert [hint.code for hint in kept.hints] == ["appointment_today"]
    assert desk.database.value("SELECT priority FROM queue_entry WHERE visit_id = %s", kept.visit_id) == "appointment"
    assert desk.database.column("SELECT state FROM appointment ORDER BY reference") == ["kept", "booked"]
    early = desk.open(two)
    assert [(hint.code, hint.values["date"]) for hint in early.hints] == [("appointment_other_day", other)]
    assert desk.database.value("SELECT count(*) FROM queue_entry WHERE visit_id = %s", early.visit_id) == 0
    third = desk.patient()
    with desk.database.pool.connection() as connection:
        import_appointments(connection, "his", [NewAppointment("A5", "BN3", HEART, TODAY)], lambda _: third, ZONE)
    wrong = desk.open(third, clinic_id=EYES)
    assert [hint.code for hint in wrong.hints] == ["appointment_other_clinic"]
    for broken in (b"reference,date\n", b"\xff", b"reference,patient_number,clinic_id,date\nA,B,c,31.02.2026\n"):
        with pytest.raises(VisitRefusedError, match="line"):
            read_appointments_csv(broken)


def test_a_tap_that_arrives_hours_later_is_a_visit_of_its_own_day(desk: Desk) -> None:
    patient, yesterday = desk.patient(), NOW - timedelta(days=1)
    late = desk.open(patient, at=yesterday, clinic_id=HEART, received_at=NOW)
    assert [hint.code for hint in late.hints] == ["told_late"]
    day = desk.database.value("SELECT visit_date FROM visit WHERE visit_id = %s", late.visit_id)
    assert day == yesterday.astimezone(ZONE).date()
    assert desk.database.value("SELECT count(*) FROM queue_entry") == 0, "that day is over"
    today = desk.open(patient, clinic_id=HEART)
    assert today.is_new
    early = desk.open(clinic_id=HEART, at=NOW - timedelta(minutes=40), received_at=NOW)
    line = desk.database.column("SELECT visit_id FROM queue_entry ORDER BY ordered_at")
    assert line == [early.visit_id, today.visit_id], "who came first is first, however late it was told"


def test_two_records_of_one_person_have_one_visit(desk: Desk) -> None:
    kept, merged = desk.patient(), desk.patient()
    before = desk.open(merged)
    desk.database.run("UPDATE patient SET merged_into = %s WHERE patient_id = %s", kept, merged)
    again = desk.open(kept)
    assert (again.is_new, again.visit_id) == (False, before.visit_id)
    with desk.database.pool.connection() as connection:
        assert hints_of(connection, again.visit_id) == ()
