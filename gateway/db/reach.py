"""Why a database could not be used, and the mend, in one line; and whether waiting may be the mend."""

from typing import Final

import psycopg
import psycopg_pool

from gateway.errors import DatabaseAwayError, StartError

_MENDS: Final = (
    ("password authentication failed", "correct user and password in 'dsn'"),
    ("no password supplied", "give the password in 'dsn', or in a .pgpass file"),
    ("no pg_hba.conf entry", "allow this machine and user in the server's pg_hba.conf"),
    ("permission denied for database", "GRANT CONNECT ON DATABASE to that user"),
    ("role", "correct the user in 'dsn', or create it (CREATE ROLE ... LOGIN)"),
    ("database", "correct the database's name in 'dsn', or create it (CREATE DATABASE)"),
    ("refused", "start the server, or correct host and port in 'dsn'"),
    ("timeout expired", "see that the server runs and no firewall is between; correct host and port in 'dsn'"),
    ("Temporary failure in name resolution", "see that this machine's name server answers"),
    ("translate host name", "correct the host in 'dsn'"),
    ("resolve", "correct the host in 'dsn'"),
    ("too many clients", "raise max_connections of the server, or stop what else uses it"),
    ("not yet accepting connections", "wait until the server has started"),
    ("starting up", "wait until the server has started"),
    ("in recovery mode", "wait until the server has started"),
    ("shutting down", "start the server again"),
    ("terminating connection", "start the server again"),
    ("reset by peer", "start the server again"),
    ("No space left on device", "make room on the database server's disk"),
    ("could not write init file", "make room on the database server's disk"),
    ("couldn't get a connection", "see that the server runs; correct host and port in 'dsn'"),
)
"""What libpq and the server say, the more telling first; their words have no code before a session exists."""
_MENDS_BY_STATE: Final = {
    psycopg.errors.InsufficientPrivilege.sqlstate: "let 'dsn' name the user that owns medtap's tables",
    psycopg.errors.ReadOnlySqlTransaction.sqlstate: "let 'dsn' name the primary server, not a standby",
    psycopg.errors.DiskFull.sqlstate: "make room on the database server's disk",
    psycopg.errors.UndefinedTable.sqlstate: "run medtap gateway migrate CONFIG; if that changes nothing, restore the "
    "last backup (medtap db restore)",
}
"""What the server says once a session exists (PostgreSQL manual, appendix A)."""
_PASSING: Final = (
    "refused",
    "timeout expired",
    "Temporary failure in name resolution",
    "Network is unreachable",
    "No route to host",
    "too many clients",
    "not yet accepting connections",
    "starting up",
    "in recovery mode",
    "shutting down",
    "terminating connection",
    "reset by peer",
    "server closed the connection",
    "No space left on device",
    "could not write init file",
)
"""Of a server or machine that is just starting, ending or full; their errors have no code."""
_PASSING_CLASSES: Final = ("08", "40", "53", "57", "58")
"""Lost connection, serialisation, resources, operator's intervention, system (PostgreSQL manual, appendix A)."""
_FORMS: Final = "postgresql://user@host/database or as key=value pairs"
_ABSENT: Final = frozenset({"role", "database"})


def why_unreachable(error: psycopg.Error) -> str:
    """One line: what was said, and what to do. Never the DSN itself: it holds a password."""
    reason = " ".join(str(error).split())
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return "the DSN is not understood (not shown: it may hold a password); write it as " + _FORMS
    if error.sqlstate in _MENDS_BY_STATE:
        return f"{error.diag.message_primary or reason}; {_MENDS_BY_STATE[error.sqlstate]}"
    for words, mend in _MENDS:
        if words in reason and (words not in _ABSENT or (f'{words} "' in reason and "does not exist" in reason)):
            return f"{reason}; {mend}"
    return f"{reason}; is it running, is 'dsn' right?"


def start_error(error: psycopg.Error) -> StartError:
    """What to raise when the database could not be used: one that says whether to try the same again."""
    kind = DatabaseAwayError if _may_pass(error) else StartError
    return kind(f"the database can't be used: {why_unreachable(error)}")


def _may_pass(error: psycopg.Error) -> bool:
    if error.sqlstate is not None:
        return error.sqlstate[:2] in _PASSING_CLASSES
    if isinstance(error, psycopg_pool.PoolTimeout):
        return True
    reason = str(error)
    return isinstance(error, psycopg.OperationalError) and any(words in reason for words in _PASSING)
