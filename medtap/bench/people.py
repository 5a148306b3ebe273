"""How long people's data takes: sealing, a page of fifty, and every kind of search over many patients.

Names are drawn as they are spread in Viet Nam: four of ten are Nguyễn, three of ten women have Thị as middle name.
"""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from gateway.db.migrator import migrate
from gateway.db.pool import Connection
from gateway.people.people import People
from gateway.people.person import NewPatient, Reader
from medtap.bench.people_keys import bench_people
from medtap.bench.percentiles import summary_ms
from medtap.services.errors import ServiceError
from medtap.services.postgres import EmbeddedPostgres

_NOW: Final = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
_READER: Final = Reader("bench", "bench")
_FAMILIES: Final = (
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Huỳnh",
    "Phan",
    "Vũ",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Hồ",
    "Ngô",
)
_WEIGHTS: Final = (38, 11, 10, 7, 5, 5, 5, 4, 4, 2, 2, 2, 3, 2)
_MIDDLE: Final = (
    "Thị",
    "Thị",
    "Thị",
    "Văn",
    "Văn",
    "Minh",
    "Ngọc",
    "Gia",
    "Bảo",
    "Thanh",
    "Quốc",
    "Đức",
    "Hoàng",
    "Kim",
)
_GIVEN: Final = (
    *("An", "Anh", "Ánh", "Bình", "Châu", "Chi", "Dung", "Dũng", "Duy", "Đạt", "Giang", "Hà", "Hải", "Hân", "Hiếu"),
    *("Hoa", "Hùng", "Huy", "Hương", "Khang", "Khoa", "Khôi", "Lan", "Linh", "Long", "Mai", "My", "Nam", "Nga", "Ngân"),
    *("Nghĩa", "Nhi", "Như", "Phát", "Phúc", "Phương", "Quân", "Quyên", "Sơn", "Tâm", "Thảo", "Thư", "Trang", "Trúc"),
    *("Tú", "Tuấn", "Uyên", "Vy", "Yến"),
)
_PAGE: Final = 50
_BATCH: Final = 5000


def measure_people(
    *, patients: int, searches: int, seed: int, dsn: str | None, say: Callable[[str], None]
) -> Mapping[str, Any]:
    """The figures.

    Raises:
        ServiceError: the database did not come up, or holds patients already.
    """
    with ExitStack() as parts:
        if dsn is None:
            server = EmbeddedPostgres(durable=False)
            server.start()
            parts.callback(server.stop)
            dsn = server.create_database()
        migrate(dsn)
        connection = parts.enter_context(psycopg.connect(dsn))
        if connection.execute("SELECT FROM patient LIMIT 1").fetchone() is not None:
            raise ServiceError("the database holds patients: name an empty one")
        people, draw = bench_people(_NOW), random.Random(seed)  # noqa: S311 - a seeded world
        say(f"registering {patients} patients")
        began = time.perf_counter()
        known = _fill(connection, people, draw, patients)
        sealed_s = time.perf_counter() - began
        connection.execute("ANALYZE patient")
        connection.commit()
        figures: dict[str, Any] = {
            "patients": patients,
            "registered_a_second": round(patients / sealed_s),
            "table_mb": _size(connection, "pg_total_relation_size('patient')"),
            "name_index_mb": _size(connection, "pg_relation_size('patient_name')"),
        }
        for name, ask in _questions(people, draw, known).items():
            say(name)
            figures |= summary_ms(name, [_timed(connection, ask) for _ in range(searches)])
        return figures


def _fill(connection: Connection, people: People, draw: random.Random, patients: int) -> list[NewPatient]:
    known: list[NewPatient] = []
    for start in range(0, patients, _BATCH):
        some = [_somebody(draw, number) for number in range(start, min(start + _BATCH, patients))]
        people.take_over(connection, some, _READER)
        connection.commit()
        known += some
    return known


def _somebody(draw: random.Random, number: int) -> NewPatient:
    family = draw.choices(_FAMILIES, _WEIGHTS)[0]
    middle = " ".join(draw.sample(_MIDDLE, draw.choice((1, 1, 2))))
    return NewPatient(
        f"{family} {middle} {draw.choice(_GIVEN)}",
        date(2010, 1, 1) + timedelta(days=draw.randrange(6000)),
        draw.choice(("male", "female")),
        f"26{number:06d}",
        insurance_number=f"TE179{number:010d}",
        citizen_id=f"{draw.randrange(1, 97):03d}2{number:08d}",
        phone=f"09{draw.randrange(10**8):08d}",
        patient_id=UUID(int=draw.getrandbits(128)),
    )


def _questions(
    people: People, draw: random.Random, known: list[NewPatient]
) -> dict[str, Callable[[Connection], object]]:
    def words(one: NewPatient) -> list[str]:
        return one.full_name.split()

    def search(text: Callable[[NewPatient], str]) -> Callable[[Connection], object]:
        return lambda connection: people.search(connection, text(draw.choice(known)), _READER)

    return {
        "page_of_50": lambda connection: people.read(
            connection, [one.patient_id for one in draw.sample(known, _PAGE) if one.patient_id], _READER
        ),
        "citizen_number": search(lambda one: one.citizen_id or ""),
        "whole_name": search(lambda one: one.full_name),
        "name_and_year": search(lambda one: f"{one.full_name} {one.birth_date and one.birth_date.year}"),
        "family_and_given": search(lambda one: f"{words(one)[0]} {words(one)[-1]}"),
        "beginnings": search(lambda one: " ".join(word[:2] for word in words(one))),
        "commonest_family_alone": lambda connection: people.search(connection, "nguyen", _READER),
        "nobody": lambda connection: people.search(connection, "zoraida quispe", _READER),
    }


def _timed(connection: Connection, ask: Callable[[Connection], object]) -> float:
    began = time.perf_counter()
    ask(connection)
    connection.commit()
    return time.perf_counter() - began


def _size(connection: Connection, what: str) -> float:
    row = connection.execute(f"SELECT {what}".encode()).fetchone()
    return 0.0 if row is None else round(int(row[0]) / 1e6, 1)
