"""People in a real database: found, registered, guarded, merged and parted, audited; keys, rotation, nothing plain."""

import dataclasses
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cards.emergency.record import CodedEntry, Contact
from gateway.db.migrator import migrate, read_migrations
from gateway.db.pool import open_pool
from gateway.people import resealing
from gateway.people.audit_chain import seal_audit, verify_audit
from gateway.people.audit_reads import AuditFilter, entries, review, unreviewed
from gateway.people.config import PeopleConfig
from gateway.people.emergency import EmergencyData
from gateway.people.key_store import keys_for
from gateway.people.keys import PeopleKeyError, PeopleKeys, read_keys, write_keys
from gateway.people.parts import PeopleCare, open_people
from gateway.people.people import People
from gateway.people.person import NewGuardian, NewPatient, Reader
from gateway.people.records import values_of
from gateway.people.registration import Newborn, register_newborn
from gateway.stock.errors import WarehouseError, WorkConflictError, WorkNotFoundError, WorkRefusedError
from tests.gateway.ingest_kit import Database
from tests.gateway.people_kit import KEYS

pytestmark = pytest.mark.integration
LAN = Reader("lan", "desk", source="10.0.0.7 /patients")
START = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)


class Desk:
    """A connection, people, and a clock that the test moves."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.now = START
        self.people = People(KEYS, lambda: self.now)

    def register(self, full_name: str, birth_date: date | None = date(2019, 7, 5), **more: Any) -> uuid.UUID:  # noqa: ANN401
        return self.people.register(self.connection, NewPatient(full_name, birth_date, **more), LAN)

    def names(self, text: str, limit: int = 20) -> list[str]:
        return [one.full_name for one in self.people.search(self.connection, text, LAN, limit)]

    def one(self, patient_id: uuid.UUID) -> Any:  # noqa: ANN401
        return self.people.read_one(self.connection, patient_id, LAN)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode(), values).fetchall()

    def refused(self, code: str) -> Any:  # noqa: ANN401
        return pytest.raises(WarehouseError, check=lambda error: error.code == code)


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    with psycopg.connect(database.dsn) as connection:
        yield Desk(connection)
        connection.rollback()


def test_a_patient_is_found_by_any_number_first_and_by_a_name_without_accents(desk: Desk) -> None:
    an = desk.register(
        "Lê Thị Thúy An", citizen_id="079219001234", insurance_number="TE1797912345678", phone="0903 123 456"
    )
    desk.register("Lê Thị Anh Thư", date(2020, 1, 1))
    desk.register("Nguyễn Đình An", date(2018, 5, 4))
    numbers = [row[0] for row in desk.rows("SELECT patient_number FROM patient")]
    assert numbers == [None, None, None]
    assert desk.one(an).patient_number == "26000001"
    for text in ("26000001", "2600 0001", "079 219 001 234", "te1 79 7912345678", "7912345678", "+84903123456"):
        assert desk.names(text) == ["Lê Thị Thúy An"], text
    qr = "079219001234||Lê Thị Thúy An|05072019|Nữ|12 Lê Lợi, Quận 1|01012022"
    assert desk.names(qr) == ["Lê Thị Thúy An"]
    # Whole words before beginnings, any order of words, narrowed by year or day of birth.
    assert desk.names("an le thi") == ["Lê Thị Thúy An", "Lê Thị Anh Thư"]
    assert desk.names("dinh") == ["Nguyễn Đình An"]
    assert desk.names("an 2018") == ["Nguyễn Đình An"]
    assert desk.names("an 05/07/2019") == ["Lê Thị Thúy An"]
    assert desk.names("le thi", 1) == ["Lê Thị Anh Thư"]
    assert desk.names("xyz") == desk.names("") == desk.names("26000009") == []
    assert desk.people.find_exact(desk.connection, "citizen_id", "079219001234") == an
    assert desk.people.find_exact(desk.connection, "citizen_id", "079219001235") is None
    with desk.refused("citizen_id_taken"):
        desk.register("Người Khác", citizen_id="079219001234")
    with desk.refused("patient_number_taken"):
        desk.register("Người Khác", patient_number="2600 0001")
    with desk.refused("person_birth_date"):
        desk.register("Người Khác", date(2026, 12, 1))


def test_a_correction_keeps_the_number_and_does_not_overwrite_who_was_faster(desk: Desk) -> None:
    one = desk.register("Lê An", phone="0903123456")
    (seen,) = desk.rows("SELECT changed_at FROM patient")[0]
    desk.now += timedelta(minutes=1)
    desk.people.correct(desk.connection, one, NewPatient("Lê Ân", date(2019, 7, 6)), LAN, seen=seen)
    found = desk.one(one)
    assert (found.full_name, found.phone, found.patient_number) == ("Lê Ân", None, "26000001")
    with pytest.raises(WorkConflictError):
        desk.people.correct(desk.connection, one, NewPatient("Lê Ấn"), LAN, seen=seen)
    with pytest.raises(WorkNotFoundError):
        desk.people.correct(desk.connection, uuid.uuid4(), NewPatient("Lê Ấn"), LAN)


def test_a_newborn_gets_its_name_later_and_siblings_have_one_guardian(desk: Desk) -> None:
    mother = NewGuardian("Nguyễn Thị Lan", "mother", "0903123456", "079190001234")
    twins = [
        register_newborn(desk.connection, desk.people, Newborn(mother, date(2026, 11, 21), "female", twin), LAN)
        for twin in (1, 2)
    ]
    first = desk.one(twins[0])
    assert (first.full_name, first.is_newborn, first.identity_confidence) == (
        "CON BÀ NGUYỄN THỊ LAN 1",
        True,
        "documented",
    )
    assert desk.names("con ba lan") == ["CON BÀ NGUYỄN THỊ LAN 1", "CON BÀ NGUYỄN THỊ LAN 2"]
    (guardian_id,) = first.guardian_ids
    assert desk.people.children_of(desk.connection, guardian_id) == sorted(twins)
    desk.people.correct(desk.connection, twins[0], NewPatient("Trần Lan Chi", date(2026, 11, 21), "female"), LAN)
    named = desk.one(twins[0])
    assert (named.patient_number, named.is_newborn, named.guardian_ids) == (first.patient_number, False, (guardian_id,))
    # The same mother, known by telephone and name only, is the same guardian; another name at that telephone is not.
    brother = desk.register("Trần Minh")
    again = desk.people.enter_guardian(
        desk.connection, brother, NewGuardian("nguyen thi lan", "mother", "0903123456"), LAN
    )
    father = desk.people.enter_guardian(
        desk.connection, brother, NewGuardian("Trần Văn Bá", "father", "0903123456"), LAN
    )
    assert again == guardian_id != father
    assert len(desk.people.children_of(desk.connection, guardian_id)) == 3
    told = {one.full_name: one.relation for one in desk.people.guardians_of(desk.connection, brother, LAN)}
    assert told == {"nguyen thi lan": "mother", "Trần Văn Bá": "father"}
    assert len(desk.people.find_guardians(desk.connection, "0903 123 456", LAN)) == 2
    desk.people.remove_guardian(desk.connection, brother, father, LAN)
    assert desk.one(brother).guardian_ids == (guardian_id,)
    with desk.refused("twin_number"):
        register_newborn(desk.connection, desk.people, Newborn(mother, date(2026, 11, 21), twin=0), LAN)


def test_possible_duplicates_are_suggested_with_their_reasons(desk: Desk) -> None:
    one = desk.register("Lê Thị An", insurance_number="TE1797912345678")
    desk.register("Le Thi An", phone="0903123456")  # the same birth date
    desk.register("Lê Thị Ân", date(2019, 5, 7))  # day and month exchanged
    desk.register("Trần Khôi", date(2001, 1, 1), insurance_number="GD4797912345678")  # the same BHXH number
    desk.register("Lê Thị An", date(2001, 1, 1))
    alike = {one.patient.full_name: one.why for one in desk.people.alike(desk.connection, one, LAN)}
    assert alike == {
        "Trần Khôi": ("same_insurance",),
        "Le Thi An": ("same_name_and_birth",),
        "Lê Thị Ân": ("same_name_birth_alike",),
    }


ALLERGY = EmergencyData("O+", allergies=(CodedEntry("Penicillin", "atc", "J01CE01", "severe"),))


def test_random_merges_and_undos_leave_every_record_as_it_was(desk: Desk) -> None:
    """A model keeps what each record said before each merge; undone from the newest back, everything is as at first."""
    draw = random.Random(5)  # noqa: S311 - a seeded world
    ids = [
        desk.register(
            f"Lê An {number}", date(2019, 1, 1 + number), citizen_id=f"{number:012d}", phone=f"09{number:08d}"
        )
        for number in range(7)
    ]
    desk.people.set_emergency(desk.connection, ids[0], ALLERGY, LAN)
    at_first = {one: values_of(desk.one(one)) for one in ids}
    merges: list[uuid.UUID] = []
    for step in range(60):
        if draw.random() < 0.6:
            survivor, merged = draw.sample(ids, 2)
            chosen: dict[str, Any] = {
                name: draw.choice(["survivor", "merged"]) for name in ("full_name", "citizen_id", "phone", "birth_date")
            }
            try:
                with desk.connection.transaction():
                    merges.append(desk.people.merge(desk.connection, survivor, merged, chosen, LAN))
            except (WorkRefusedError, WorkConflictError) as refused:
                assert refused.code in {"merged_already", "citizen_id_taken"}, step  # noqa: PT017
                continue
            assert desk.people.canonical(desk.connection, merged) == survivor
            assert desk.one(merged).patient_id == survivor
            assert desk.one(survivor).allergy_flag == any(
                at_first[one].allergy_flag for one in desk.people.aliases(desk.connection, survivor)
            )
        elif merges:
            desk.people.undo_merge(desk.connection, merges.pop(), LAN)
    while merges:
        desk.people.undo_merge(desk.connection, merges.pop(), LAN)
    assert {one: values_of(desk.one(one)) for one in ids} == at_first
    assert [desk.people.canonical(desk.connection, one) for one in ids] == ids
    assert desk.rows("SELECT patient_id FROM patient_emergency") == [(ids[0],)]


def test_an_undo_keeps_what_was_corrected_since_and_has_its_limits(desk: Desk) -> None:
    here, there = desk.register("Lê An", phone="0901000000"), desk.register("Lê Ân", citizen_id="079219001234")
    third = desk.register("Lê Ấn")
    merge_id = desk.people.merge(desk.connection, here, there, {"full_name": "merged"}, LAN)
    both = desk.one(there)
    assert (both.patient_id, both.full_name, both.citizen_id, both.phone) == (
        here,
        "Lê Ân",
        "079219001234",
        "0901000000",
    )
    assert desk.people.find_exact(desk.connection, "patient_number", "26000002") == here
    changed = NewPatient("Lê Ân", both.birth_date, citizen_id=both.citizen_id, phone="0902000000")
    desk.people.correct(desk.connection, there, changed, LAN)
    for pair, code in (((here, there), "merged_already"), ((here, here), "merge_same")):
        with desk.refused(code), desk.connection.transaction():
            desk.people.merge(desk.connection, *pair, {}, LAN)
    with desk.refused("merge_choice"):
        desk.people.merge(desk.connection, here, third, {"patient_number": "merged"}, LAN)
    later = desk.people.merge(desk.connection, here, third, {}, LAN)
    with desk.refused("merge_later_first"):
        desk.people.undo_merge(desk.connection, merge_id, LAN)
    desk.people.undo_merge(desk.connection, later, LAN)
    desk.people.undo_merge(desk.connection, merge_id, LAN)
    assert (desk.one(here).full_name, desk.one(here).phone) == ("Lê An", "0902000000")
    assert (desk.one(there).full_name, desk.one(there).citizen_id) == ("Lê Ân", "079219001234")
    with desk.refused("merge_undone"):
        desk.people.undo_merge(desk.connection, merge_id, LAN)
    old = desk.people.merge(desk.connection, here, there, {}, LAN)
    desk.now += timedelta(days=31)
    with desk.refused("merge_too_old"):
        desk.people.undo_merge(desk.connection, old, LAN)
    with desk.refused("merge_unknown"):
        desk.people.undo_merge(desk.connection, uuid.uuid4(), LAN)


def test_every_read_is_written_down_and_the_reason_is_sealed(desk: Desk) -> None:
    one, other = desk.register("Lê An"), desk.register("Trần Bình")
    desk.connection.execute("UPDATE patient SET registered_at = %s, changed_at = %s", (START - timedelta(days=9),) * 2)
    desk.people.read(desk.connection, [one, other], LAN)
    desk.people.search(desk.connection, "an", LAN)
    with desk.refused("glass_closed"):
        desk.people.emergency(desk.connection, one, LAN)
    why = dataclasses.replace(LAN, break_glass_reason="Bé Lê An co giật")
    assert desk.people.emergency(desk.connection, one, why) is None
    assert desk.people.emergency(desk.connection, one, LAN) is None  # for a while it is open
    found = entries(desk.connection, KEYS, AuditFilter(username="lan", patient_id=one))
    acts = [(row.act, row.break_glass, row.reason) for row in found]
    assert acts == [
        ("emergency", False, ""),
        ("emergency", True, "Bé Lê An co giật"),
        ("search", False, ""),
        ("read", False, ""),
        ("register", False, ""),
    ]
    assert found[3].patient_ids == tuple(sorted((one, other), key=str))
    assert (found[3].purpose, found[3].source, found[3].at) == ("desk", "10.0.0.7 /patients", START)
    assert entries(desk.connection, KEYS, AuditFilter(username="binh")) == []
    assert len(entries(desk.connection, KEYS, AuditFilter(since=START, until=START + timedelta(1)), limit=2)) == 2
    assert unreviewed(desk.connection) == 1
    (glass,) = entries(desk.connection, KEYS, AuditFilter(only_unreviewed=True))
    review(desk.connection, glass.audit_id, "justified", "hoa", desk.now)
    assert unreviewed(desk.connection) == 0
    with desk.refused("audit_reviewed"):
        review(desk.connection, glass.audit_id, "not_justified", "hoa", desk.now)
    with desk.refused("audit_unknown"):
        review(desk.connection, found[3].audit_id, "justified", "hoa", desk.now)
    assert b"co gi" not in bytes(desk.rows("SELECT reason_sealed FROM people_audit WHERE break_glass")[0][0])


def test_a_live_page_writes_a_patient_down_once_an_hour(desk: Desk) -> None:
    one, other = desk.register("Lê An"), desk.register("Trần Bình")
    live = dataclasses.replace(LAN, live=True, purpose="queue")
    for whom in ([one], [one], [one, other], [other]):
        desk.people.read(desk.connection, whom, live)
    rows = desk.rows("SELECT patient_ids FROM people_audit WHERE purpose = 'queue' ORDER BY audit_id")
    assert rows == [([one],), ([other],)]
    desk.now += timedelta(minutes=61)
    desk.people.read(desk.connection, [one], live)
    assert len(desk.rows("SELECT FROM people_audit WHERE purpose = 'queue'")) == 3


def test_a_changed_or_deleted_audit_row_is_found_by_the_seals(desk: Desk) -> None:
    one = desk.register("Lê An")
    connection = desk.connection
    for _ in range(3):
        for _ in range(4):
            desk.people.read(connection, [one], LAN)
        connection.commit()
        assert seal_audit(connection, KEYS, desk.now) > 0
        connection.commit()
    assert seal_audit(connection, KEYS, desk.now) == 0
    state = verify_audit(connection, KEYS)
    assert (state.sealed_rows, state.broken) == (13, None)
    with pytest.raises(psycopg.errors.RaiseException, match="never changed"), connection.transaction():
        connection.execute("UPDATE people_audit SET username = 'nobody'")
    tampering = (
        "UPDATE people_audit SET username = 'nobody' WHERE audit_id = (SELECT max(audit_id) - 1 FROM people_audit)",
        "DELETE FROM people_audit WHERE audit_id = (SELECT min(audit_id) FROM people_audit)",
        "DELETE FROM people_audit_seal WHERE last_audit_id = (SELECT min(last_audit_id) FROM people_audit_seal)",
    )
    for statement in tampering:
        connection.execute("SET session_replication_role = replica")  # as whoever owns the database can
        connection.execute(statement.encode())
        assert verify_audit(connection, KEYS).broken is not None, statement
        connection.rollback()
    assert verify_audit(connection, KEYS).broken is None
    assert verify_audit(connection, PeopleKeys.create()).broken is not None


def test_emergency_data_is_kept_sealed_and_goes_on_a_card(desk: Desk) -> None:
    one = desk.register("Lê An")
    data = dataclasses.replace(
        ALLERGY,
        conditions=(CodedEntry("Hen phế quản", "icd-10", "J45"),),
        guardian=Contact("Nguyễn Thị Lan", "Mẹ", "0903123456"),
    )
    desk.people.set_emergency(desk.connection, one, data, LAN)
    assert desk.people.emergency(desk.connection, one, LAN) == data
    assert desk.one(one).allergy_flag
    sealed = bytes(desk.rows("SELECT record_sealed FROM patient_emergency")[0][0])
    assert b"Penicillin" not in sealed
    record = data.for_card(desk.one(one), "ab" * 16, desk.now)
    assert (record.full_name, record.allergies) == ("Lê An", data.allergies)
    with desk.refused("no_birth_date"):
        data.for_card(desk.one(desk.register("Ai Đó", None)), "ab" * 16, desk.now)
    other = desk.register("Lê An")
    desk.people.set_emergency(desk.connection, other, EmergencyData("A+", medication=(CodedEntry("Salbutamol"),)), LAN)
    merge_id = desk.people.merge(desk.connection, one, other, {}, LAN)
    both = desk.people.emergency(desk.connection, other, LAN)
    assert both is not None
    assert (both.blood_group, len(both.allergies), len(both.medication)) == ("O+", 1, 1)
    desk.people.undo_merge(desk.connection, merge_id, LAN)
    assert desk.people.emergency(desk.connection, one, LAN) == data


def test_nothing_plain_can_be_written_and_what_was_plain_is_sealed_at_the_start(
    postgres_dsn: str, tmp_path: Path
) -> None:
    before = next(at for at, one in enumerate(read_migrations()) if one.name.endswith("_people.sql"))
    migrate(postgres_dsn, migrations=read_migrations()[:before])
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(
            "INSERT INTO patient SELECT md5(n::text)::uuid, 'B' || n, 'Nguyễn Thị ' || n, date '2018-01-01' + n,"
            " 'female', 'free text ' || n, n % 2 = 0 FROM generate_series(1, 25) n"
        )
    migrate(postgres_dsn)
    config = PeopleConfig(key_file=tmp_path / "people-keys.json")
    pool = open_pool(postgres_dsn)
    try:
        with pytest.raises(PeopleKeyError, match="25 patients are stored as before"):
            open_people(pool, config, lambda: START)
        write_keys(tmp_path / "people-keys.json", PeopleKeys.create())
        keys = read_keys(tmp_path / "people-keys.json")
        assert resealing.seal_plain(pool, keys, batch_rows=10) == 25
        people = open_people(pool, config, lambda: START)
        with pool.connection() as connection:
            (found,) = people.search(connection, "b7", LAN)
            assert (found.full_name, found.birth_date, found.allergy_flag) == ("Nguyễn Thị 7", date(2018, 1, 8), False)
            assert found.insurance_number == "free text 7"
            plain = connection.execute("SELECT count(*) FROM patient WHERE full_name IS NOT NULL").fetchone()
            assert plain == (0,)
            for statement in (
                "UPDATE patient SET full_name = 'x'",
                "INSERT INTO patient (patient_id) VALUES (gen_random_uuid())",
            ):
                with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
                    connection.execute(statement.encode())
    finally:
        pool.close()


def test_keys_that_are_missing_wrong_or_old_are_told_apart_and_a_rotation_can_be_resumed(
    desk: Desk, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "people-keys.json"
    connection = desk.connection
    assert keys_for(connection, None, START) is None
    keys = keys_for(connection, file, START)  # nobody is stored: made
    assert keys is not None
    assert keys_for(connection, file, START) == keys
    people = People(keys, lambda: desk.now)
    one = people.register(connection, NewPatient("Lê An", phone="0903123456"), LAN)
    people.enter_guardian(connection, one, NewGuardian("Lê Bá", "father", "0903123456"), LAN)
    for number in range(30):
        people.register(connection, NewPatient(f"Lê {number}"), LAN)
    connection.commit()
    write_keys(tmp_path / "other.json", PeopleKeys.create())
    write_keys(tmp_path / "newer.json", keys.rotated())
    newer = keys_for(connection, tmp_path / "newer.json", START)
    assert newer is not None
    for path, told in ((None, "not set"), (tmp_path / "gone.json", "31 patients are stored sealed"),
                       (tmp_path / "other.json", "another database's"), (file, r"lack keys \[2\]")):  # fmt: skip
        with pytest.raises(PeopleKeyError, match=told):
            keys_for(connection, path, START)
    connection.commit()
    # Killed after one batch: the next start does the rest, and nobody is unreadable in between.
    assert resealing.reseal_batch(connection, newer, resealing.TABLES[0], 10) == 10
    connection.commit()
    people = People(newer, lambda: desk.now)
    assert people.read_one(connection, one, LAN).phone == "0903123456"
    assert resealing.waiting(connection, newer.current)["patient"] == 21
    connection.commit()
    assert PeopleCare(database.pool, people).round() == 22
    assert set(resealing.waiting(connection, newer.current).values()) == {0}
    only_new = PeopleKeys(2, {2: newer.data_keys[2]}, newer.index_key)
    assert People(only_new, lambda: desk.now).read_one(connection, one, LAN).full_name == "Lê An"
    assert PeopleCare(database.pool, people).round() == 0
