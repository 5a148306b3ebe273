"""Accounts and one-time links: who may sign in; the first administrator comes by a link, not by a default password."""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlencode

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from gateway.services.app_services import DbConnection
from gateway.services.passwords import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, Passwords, normalised
from gateway.services.roles import FIRST_ADMIN_ROLES, Role

LINK_LIFE: Final = timedelta(hours=24)
_TOKEN_BYTES: Final = 32
_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")
_DISPLAY_NAME_MAX: Final = 100
_FIRST_ADMIN_LOCK: Final = 7203002
"""Advisory lock of whoever makes the first account: two browsers with two links must not both win."""


class AccountError(Exception):
    """A wish about accounts that is refused; nothing was changed. `code` names the reason for a page to translate."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code: Final = code


@dataclass(frozen=True)
class Account:
    """One local account."""

    username: str
    display_name: str
    password_hash: str | None
    roles: frozenset[Role]
    language: str
    disabled_at: datetime | None

    def __post_init__(self) -> None:
        """The database keeps roles as text."""
        object.__setattr__(self, "roles", frozenset(Role(role) for role in self.roles))


def token_sha256(token: str) -> bytes:
    """What the database keeps of a token: whoever reads the table can't use it."""
    return hashlib.sha256(token.encode()).digest()


def audit(connection: DbConnection, username: str | None, action: str, object_: str = "", **detail: object) -> None:
    """Write down who did what."""
    connection.execute(
        "INSERT INTO audit (username, action, object, detail) VALUES (%s, %s, %s, %s)",
        (username, action, object_, Jsonb(detail)),
    )


def find_account(connection: DbConnection, username: str) -> Account | None:
    """The account of this name, disabled or not; None if there is none."""
    with connection.cursor(row_factory=class_row(Account)) as cursor:
        return cursor.execute(
            "SELECT username, display_name, password_hash, roles, language, disabled_at FROM login_account"
            " WHERE username = %s",
            (username,),
        ).fetchone()


def create_account(
    connection: DbConnection, username: str, display_name: str, password: str | None, roles: Collection[str]
) -> None:
    """Make a local account; with no password it can sign in by a one-time link only.

    Raises:
        AccountError: a wrong name, role or password, or the name is taken. Codes: `bad_username`, `bad_display_name`,
            `bad_role`, `short_password`, `long_password`, `name_taken`.
    """
    known_roles = _checked(username, display_name, password, roles)
    made = connection.execute(
        "INSERT INTO login_account (username, display_name, password_hash, roles) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (username) DO NOTHING RETURNING username",
        (
            username,
            display_name.strip(),
            Passwords().hash(password) if password is not None else None,
            sorted(known_roles),
        ),
    ).fetchone()
    if made is None:
        raise AccountError("name_taken", f"There is an account {username!r} already: choose another name")
    audit(connection, None, "account_created", username, roles=sorted(known_roles))


def _checked(username: str, display_name: str, password: str | None, roles: Collection[str]) -> frozenset[Role]:
    if not _USERNAME.fullmatch(username):
        raise AccountError(
            "bad_username",
            f"Account name {username!r}: expected 2 to 63 of a-z, 0-9, dot, underscore and hyphen, first a-z or 0-9",
        )
    if not 1 <= len(display_name.strip()) <= _DISPLAY_NAME_MAX:
        raise AccountError("bad_display_name", f"Display name {display_name!r}: expected 1 to 100 characters")
    unknown = sorted(role for role in roles if role not in set(Role))
    if unknown or not roles:
        expected = ", ".join(Role)
        raise AccountError("bad_role", f"Roles {unknown or sorted(roles)!r}: expected at least one of {expected}")
    if password is not None:
        check_new_password(password)
    return frozenset(Role(role) for role in roles)


def check_new_password(password: str) -> None:
    """Refuse a password that is too short or absurdly long.

    Raises:
        AccountError: with code `short_password` or `long_password`.
    """
    length = len(normalised(password))
    if length < PASSWORD_LENGTH_MIN:
        raise AccountError(
            "short_password", f"The password has {length} characters: expected at least {PASSWORD_LENGTH_MIN}"
        )
    if length > PASSWORD_LENGTH_MAX:
        raise AccountError(
            "long_password", f"The password has {length} characters: expected at most {PASSWORD_LENGTH_MAX}"
        )


def _make_link(
    connection: DbConnection, purpose: Literal["first_admin", "sign_in"], username: str | None, now: datetime
) -> str:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    connection.execute(
        "INSERT INTO one_time_link (token_sha256, purpose, username, created_at, expires_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        (token_sha256(token), purpose, username, now, now + LINK_LIFE),
    )
    return token


def ensure_first_admin_link(connection: DbConnection, base_url: str, now: datetime) -> str | None:
    """A fresh link to make the first administrator, valid 24 hours and once; None when there is an account already.

    Links given out before and not used stop working: only the one that was shown last does.
    """
    if connection.execute("SELECT EXISTS (SELECT FROM login_account)").fetchone() == (True,):
        return None
    connection.execute(
        "UPDATE one_time_link SET expires_at = %(now)s WHERE purpose = 'first_admin' AND used_at IS NULL"
        " AND expires_at > %(now)s",
        {"now": now},
    )
    token = _make_link(connection, "first_admin", None, now)
    return f"{base_url.rstrip('/')}/setup?{urlencode({'token': token})}"


def sign_in_link(connection: DbConnection, username: str, base_url: str, now: datetime) -> str:
    """A link that signs this person in, valid 24 hours and once.

    Raises:
        AccountError: no such account, or it is disabled (code `no_account`).
    """
    account = find_account(connection, username)
    if account is None or account.disabled_at is not None:
        raise AccountError("no_account", f"There is no active account {username!r}: create it first")
    token = _make_link(connection, "sign_in", username, now)
    audit(connection, None, "sign_in_link_made", username)
    return f"{base_url.rstrip('/')}/enter?{urlencode({'token': token})}"


def link_is_open(
    connection: DbConnection, token: str, purpose: Literal["first_admin", "sign_in"], now: datetime
) -> bool:
    """Whether the link could be used now; looking does not use it up."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM one_time_link WHERE token_sha256 = %s AND purpose = %s AND used_at IS NULL"
        " AND expires_at > %s)",
        (token_sha256(token), purpose, now),
    ).fetchone()
    return row == (True,)


def _use_link(
    connection: DbConnection, token: str, purpose: Literal["first_admin", "sign_in"], now: datetime
) -> str | None:
    row = connection.execute(
        "UPDATE one_time_link SET used_at = %(now)s WHERE token_sha256 = %(token)s AND purpose = %(purpose)s"
        " AND used_at IS NULL AND expires_at > %(now)s RETURNING username",
        {"now": now, "token": token_sha256(token), "purpose": purpose},
    ).fetchone()
    if row is None:
        raise AccountError("link_over", "This link was used already or has expired: ask for a new one")
    username: str | None = row[0]
    return username


def use_sign_in_link(connection: DbConnection, token: str, now: datetime) -> Account:
    """Use the link up and say who it signs in.

    Raises:
        AccountError: used, expired or unknown (code `link_over`), or the account was disabled (`no_account`).
    """
    username = _use_link(connection, token, "sign_in", now)
    account = find_account(connection, username or "")
    if account is None or account.disabled_at is not None:
        raise AccountError("no_account", f"There is no active account {username!r}: create it first")
    return account


def create_first_admin(
    connection: DbConnection, token: str, now: datetime, *, username: str, display_name: str, password: str
) -> None:
    """Use the first link up and make the first administrator, both or neither (call it in a transaction).

    Raises:
        AccountError: as `create_account`, or the link is over, or there is an account already (`link_over`).
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_FIRST_ADMIN_LOCK,))
    _use_link(connection, token, "first_admin", now)
    if connection.execute("SELECT EXISTS (SELECT FROM login_account)").fetchone() == (True,):
        raise AccountError("link_over", "There is an administrator already: sign in, or ask them for a link")
    create_account(connection, username, display_name, password, FIRST_ADMIN_ROLES)
