"""People of a database that is filled for a benchmark: invented, with keys that anyone can make again."""

import hashlib
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg

from gateway.db.pool import Connection
from gateway.people.keys import PeopleKeys
from gateway.people.people import People
from gateway.people.person import NewPatient, Reader

PATIENTS: Final = 5000
"""Their numbers are B0 to B4999."""


def bench_people(now: datetime) -> People:
    """A database of the same size is taken up by another run: its keys are the same."""
    made = [hashlib.sha256(f"medtap bench {name}".encode()).digest() for name in ("data", "index")]
    return People(PeopleKeys(1, {1: made[0]}, made[1]), lambda: now)


def enter_patients(connection: psycopg.Connection | Connection, now: datetime) -> None:
    """Those that the documents name."""
    new = [
        NewPatient(
            f"Nguyễn Thị {number}",
            date(2018, 1, 1) + timedelta(days=number % 2900),
            "female",
            f"B{number}",
            patient_id=patient_id(number),
        )
        for number in range(PATIENTS)
    ]
    bench_people(now).take_over(connection, new, Reader("bench", "bench"))


def patient_id(number: int) -> UUID:
    """As SQL makes it: md5('patient' || n)::uuid."""
    return UUID(hashlib.md5(f"patient{number}".encode(), usedforsecurity=False).hexdigest())
