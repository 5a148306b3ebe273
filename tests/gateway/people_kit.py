"""People for tests: keys that are no secret, and short ways to register somebody."""

import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

import psycopg

from gateway.people.keys import PeopleKeys
from gateway.people.people import People, Reading
from gateway.people.person import NewPatient, Reader

KEYS: Final = PeopleKeys(1, {1: hashlib.sha256(b"data").digest()}, hashlib.sha256(b"index").digest())
"""The same in all tests: what one fixture registers, another world reads."""
SOMEBODY: Final = Reader("lan", "test")


def people_of(clock: Callable[[], datetime] = lambda: datetime(2026, 11, 22, 2, 30, tzinfo=UTC)) -> People:
    """With the keys of the tests."""
    return People(KEYS, clock)


def register(
    connection: psycopg.Connection[Any],
    full_name: str,
    birth_date: date | None = None,
    *,
    patient_id: uuid.UUID | None = None,
    **more: Any,  # noqa: ANN401 - members of NewPatient
) -> uuid.UUID:
    """Somebody new, by nobody in particular."""
    new = NewPatient(full_name, birth_date, patient_id=patient_id, **more)
    return people_of().register(connection, new, SOMEBODY)


READING: Final = Reading(people_of(), SOMEBODY)
"""As somebody reads."""
