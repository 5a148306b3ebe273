"""Sealing what is plain, and sealing anew what an older key sealed: in batches that may stop at any time.

Each batch is a transaction: what is done stays done, and the next run finds the rest by `sealed_with`.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql

from gateway.db.pool import Connection, Pool
from gateway.people.keys import PeopleKeys
from gateway.people.records import SEALED, Values, sealed_row
from gateway.people.sealing import seal, unseal

_LOG: Final = logging.getLogger(__name__)
BATCH_ROWS: Final = 500
_PLAIN: Final = (
    "SELECT patient_id, patient_number, full_name, birth_date, coalesce(sex, 'unknown'), insurance_number,"
    " coalesce(allergy_flag, false) FROM patient WHERE sealed_with IS NULL ORDER BY patient_id LIMIT %s FOR UPDATE"
)


@dataclass(frozen=True)
class SealedTable:
    """One table with sealed columns: the value of column `x` is in `x_sealed`."""

    name: str
    row: str
    """Its primary key: what values are bound to."""
    columns: tuple[str, ...]


TABLES: Final = (
    SealedTable("patient", "patient_id", SEALED),
    SealedTable("guardian", "guardian_id", ("full_name", "citizen_id", "phone")),
    SealedTable("patient_emergency", "patient_id", ("record",)),
    SealedTable("patient_merge", "merge_id", ("before",)),
    SealedTable("card_receipt", "receipt_id", ("name",)),
    SealedTable("card_receipt", "receipt_id", ("name",)),
)
"""Reasons in the audit are not among them: its rows are never changed, and old keys stay in the file for them."""


def seal_plain(pool: Pool, keys: PeopleKeys, *, batch_rows: int = BATCH_ROWS) -> int:
    """Seal the patients of before; then nothing plain can come back. How many there were.

    Raises:
        psycopg.Error: the database is away; begin again.
    """
    done = 0
    while True:
        with pool.connection() as connection:
            rows = connection.execute(_PLAIN, (batch_rows,)).fetchall()
            for row in rows:
                _seal_plain_row(connection, keys, row)
        done += len(rows)
        if rows:
            _LOG.info("people: %d patients sealed", done)
        if len(rows) < batch_rows:
            break
    with pool.connection() as connection:
        _forbid_plain(connection)
    if done:
        _forget_plain_pages(pool)
    return done


def reseal_batch(connection: Connection, keys: PeopleKeys, table: SealedTable, rows: int = BATCH_ROWS) -> int:
    """Seal some rows of an older key with the current one; how many.

    Raises:
        SealError: a value does not open.
    """
    names = sql.SQL(", ").join(sql.Identifier(f"{column}_sealed") for column in table.columns)
    key, name = sql.Identifier(table.row), sql.Identifier(table.name)
    found = connection.execute(
        sql.SQL("SELECT {}, {} FROM {} WHERE sealed_with < %s ORDER BY 1 LIMIT %s FOR UPDATE SKIP LOCKED").format(
            key, names, name
        ),
        (keys.current, rows),
    ).fetchall()
    columns = [sql.Identifier(f"{one}_sealed") for one in table.columns]
    assignments = sql.SQL(", ").join(sql.SQL("{} = %s").format(one) for one in columns)
    change = sql.SQL("UPDATE {} SET {}, sealed_with = %s WHERE {} = %s").format(name, assignments, key)
    for row_id, *sealed in found:
        anew = [_anew(keys, table.name, column, row_id, one) for column, one in zip(table.columns, sealed, strict=True)]
        connection.execute(change, (*anew, keys.current, row_id))
    return len(found)


def waiting(connection: Connection, current: int) -> dict[str, int]:
    """How many rows of each table an older key than this still seals."""
    counts = {}
    for table in TABLES:
        row = connection.execute(
            sql.SQL("SELECT count(*) FROM {} WHERE sealed_with < %s").format(sql.Identifier(table.name)), (current,)
        ).fetchone()
        counts[table.name] = 0 if row is None else int(row[0])
    return counts


def _anew(keys: PeopleKeys, table: str, column: str, row_id: UUID, sealed: bytes | None) -> bytes | None:
    if sealed is None:
        return None
    return seal(keys, table, column, row_id, unseal(keys, table, column, row_id, bytes(sealed)))


def _seal_plain_row(connection: Connection, keys: PeopleKeys, row: tuple[Any, ...]) -> None:
    patient_id, number, name, birth_date, sex, insurance, allergy = row
    values = Values(
        patient_number=number or str(patient_id),
        full_name=name or "?",
        birth_date=birth_date,
        sex=sex,
        insurance_number=insurance,
        citizen_id=None,
        phone=None,
        address=None,
        allergy_flag=allergy,
        identity_confidence="documented",
        is_newborn=False,
    )
    anew = sealed_row(keys, patient_id, values)
    plain = ("patient_number", "full_name", "birth_date", "sex", "insurance_number", "allergy_flag")
    connection.execute(
        sql.SQL("UPDATE patient SET {}, {} WHERE patient_id = %(patient_id)s").format(
            sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(one), sql.Placeholder(one)) for one in anew),
            sql.SQL(", ").join(sql.SQL("{} = NULL").format(sql.Identifier(one)) for one in plain),
        ),
        {**anew, "patient_id": patient_id},
    )


def _forbid_plain(connection: Connection) -> None:
    row = connection.execute(
        "SELECT convalidated FROM pg_constraint WHERE conname = 'patient_holds_nothing_plain'"
    ).fetchone()
    if row is not None and not row[0]:
        connection.execute("ALTER TABLE patient VALIDATE CONSTRAINT patient_holds_nothing_plain")


def _forget_plain_pages(pool: Pool) -> None:
    """What was plain is still in the table's old pages: write them anew. Older backups and WAL keep it."""
    with psycopg.connect(str(pool.conninfo), autocommit=True, application_name="medtap-gateway") as connection:
        try:
            connection.execute("VACUUM (FULL, ANALYZE) patient")
        except psycopg.Error as error:
            _LOG.warning("people: the old pages of table patient could not be cleared: %s", error)


def to_json(values: Mapping[str, Any]) -> bytes:
    """For sealing a record of several members; dates by ISO 8601."""
    return json.dumps(values, ensure_ascii=False, default=_plain, sort_keys=True).encode()


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON here")
