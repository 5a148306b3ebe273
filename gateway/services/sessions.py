"""Server-side sessions: begun at sign-in, ended by sign-out, idle time, absolute time, or with the account."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.services.accounts import token_sha256
from gateway.services.app_services import DbConnection
from gateway.services.roles import Role

_TOKEN_BYTES: Final = 32
_TOKEN_TEXT_MAX: Final = 100


@dataclass(frozen=True)
class SessionPolicy:
    """How long a session lives."""

    idle: timedelta = timedelta(minutes=30)
    """Without a request and without an open live page. OWASP ASVS 5 section 7.3 asks for a documented idle limit:
    a live page counts as use, because a desk's screen works all day without a click."""
    absolute: timedelta = timedelta(hours=12)
    """From sign-in, whatever is done: one shift."""
    note_use_every: timedelta = timedelta(minutes=1)
    """How exactly the last use is kept: not one UPDATE a request."""


@dataclass(frozen=True)
class SignedIn:
    """The person of one session."""

    username: str
    display_name: str
    roles: frozenset[Role]
    language: str
    csrf_token: str
    expires_at: datetime

    def may(self, *roles: Role) -> bool:
        """Whether the person has one of these roles."""
        return not self.roles.isdisjoint(roles)


def start_session(connection: DbConnection, username: str, now: datetime, policy: SessionPolicy) -> str:
    """Begin a session and return its token: 256 random bits for the cookie, kept here only as a hash."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    connection.execute(
        "INSERT INTO login_session (token_sha256, username, csrf_token, created_at, last_used_at, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (token_sha256(token), username, secrets.token_urlsafe(_TOKEN_BYTES), now, now, now + policy.absolute),
    )
    return token


def session_of(connection: DbConnection, token: str, now: datetime, policy: SessionPolicy) -> SignedIn | None:
    """The session of this token, and note its use; None if it never was, is over, or the account is disabled."""
    if not token or len(token) > _TOKEN_TEXT_MAX:
        return None
    row = connection.execute(
        "SELECT s.username, a.display_name, a.roles, a.language, s.csrf_token, s.expires_at, s.last_used_at"
        " FROM login_session s JOIN login_account a USING (username)"
        " WHERE s.token_sha256 = %s AND s.ended_at IS NULL AND a.disabled_at IS NULL"
        " AND s.expires_at > %s AND s.last_used_at > %s",
        (token_sha256(token), now, now - policy.idle),
    ).fetchone()
    if row is None:
        return None
    if now - row[6] >= policy.note_use_every:
        connection.execute(
            "UPDATE login_session SET last_used_at = greatest(last_used_at, %s) WHERE token_sha256 = %s",
            (now, token_sha256(token)),
        )
    return SignedIn(
        username=row[0],
        display_name=row[1],
        roles=frozenset(Role(role) for role in row[2]),
        language=row[3],
        csrf_token=row[4],
        expires_at=row[5],
    )


def end_session(connection: DbConnection, token: str, now: datetime) -> None:
    """End the session of this token, if there is one."""
    connection.execute(
        "UPDATE login_session SET ended_at = %s WHERE token_sha256 = %s AND ended_at IS NULL",
        (now, token_sha256(token)),
    )


def set_language(connection: DbConnection, username: str, language: str) -> None:
    """Remember which language this person reads."""
    connection.execute("UPDATE login_account SET language = %s WHERE username = %s", (language, username))
