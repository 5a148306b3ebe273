"""Who works at a scanner: a scan there is theirs, also one that comes in hours later.

A scanner is an edge node's device and knows no people. Somebody signs on at it (by a page, or by showing a staff card);
what it scans from then on, by its own clock, is theirs until they sign off or somebody else signs on.
"""

from datetime import datetime

import psycopg

from gateway.db.pool import Connection
from gateway.services.reads_rows import Row, all_rows
from gateway.stock.errors import OperatorError


class Scanner(Row):
    """A device that books by its scans, or could, and who works there now."""

    device_key: int
    edge_node: str
    device_id: str
    description: str
    scan_action: str
    place_name_vi: str | None
    place_name_en: str | None
    username: str | None
    """Null: nobody, and its scans have no person."""
    display_name: str | None
    since: datetime | None


def sign_on(connection: Connection, device_key: int, username: str, now: datetime) -> None:
    """`username` works there from `now` on, in place of whoever did.

    Raises:
        OperatorError: there is no such device or account, or somebody signed on there at a later time.
    """
    try:
        with connection.transaction():
            current = _locked(connection, device_key)
            if current is not None and current[0] == username and current[1] <= now:
                return
            _end(connection, device_key, now, current)
            connection.execute(
                "INSERT INTO device_operator (device_key, username, since) VALUES (%s, %s, %s)"
                " ON CONFLICT (device_key, since) DO UPDATE SET username = excluded.username, until = NULL",
                (device_key, username, now),
            )
    except psycopg.errors.ForeignKeyViolation:
        raise OperatorError(
            "account_unknown",
            f"no account {username!r}: it can't sign on at device {device_key}",
            account_name=username,
        ) from None


def sign_off(connection: Connection, device_key: int, now: datetime) -> None:
    """Nobody works there any more.

    Raises:
        OperatorError: there is no such device, or somebody signed on there at a later time.
    """
    with connection.transaction():
        _end(connection, device_key, now, _locked(connection, device_key))


def operator_at(connection: Connection, device_key: int, at: datetime) -> str | None:
    """Who worked there at a time; None if nobody had signed on."""
    row = connection.execute(
        "SELECT username FROM device_operator WHERE device_key = %s AND since <= %s AND (until IS NULL OR until > %s)"
        " ORDER BY since DESC LIMIT 1",
        (device_key, at, at),
    ).fetchone()
    return None if row is None else str(row[0])


def scanners(connection: Connection) -> list[Scanner]:
    """Those that book first. A reader that only shows what it reads is listed if it is a barcode scanner."""
    return all_rows(
        connection,
        Scanner,
        "SELECT d.device_key, d.edge_node, d.device_id, d.description, d.scan_action, p.name_vi AS place_name_vi,"
        " p.name_en AS place_name_en, o.username, a.display_name, o.since FROM device d"
        " LEFT JOIN place p USING (place_id) LEFT JOIN device_operator o ON o.device_key = d.device_key"
        " AND o.until IS NULL LEFT JOIN login_account a ON a.username = o.username"
        " WHERE d.scan_action <> 'lookup' OR d.driver IN ('serial_scanner', 'hid_scanner')"
        " ORDER BY d.scan_action = 'lookup', d.scan_action DESC, d.edge_node, d.device_id",
        {},
    )


def _locked(connection: Connection, device_key: int) -> tuple[str, datetime] | None:
    device = connection.execute("SELECT FROM device WHERE device_key = %s FOR UPDATE", (device_key,))
    if device.rowcount == 0:
        raise OperatorError("device_unknown", f"no device {device_key}")
    row = connection.execute(
        "SELECT username, since FROM device_operator WHERE device_key = %s AND until IS NULL", (device_key,)
    ).fetchone()
    return None if row is None else (str(row[0]), row[1])


def _end(connection: Connection, device_key: int, now: datetime, current: tuple[str, datetime] | None) -> None:
    if current is None:
        return
    if current[1] > now:
        message = f"{current[0]!r} signed on at device {device_key} at {current[1]}, which is after {now}"
        raise OperatorError("signed_on_later", message, person=current[0], at=current[1])
    connection.execute(
        "UPDATE device_operator SET until = %s WHERE device_key = %s AND until IS NULL", (now, device_key)
    )
