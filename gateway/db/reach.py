"""Why a database could not be used, and the mend, in one line."""

from typing import Final

import psycopg

_MENDS: Final = (
    ("password authentication failed", "correct user and password in 'dsn'"),
    ("no password supplied", "give the password in 'dsn', or in a .pgpass file"),
    ("no pg_hba.conf entry", "allow this machine and user in the server's pg_hba.conf"),
    ("permission denied for database", "GRANT CONNECT ON DATABASE to that user"),
    ("role", "correct the user in 'dsn', or create it (CREATE ROLE ... LOGIN)"),
    ("database", "correct the database's name in 'dsn', or create it (CREATE DATABASE)"),
    ("refused", "start the server, or correct host and port in 'dsn'"),
    ("timeout expired", "see that the server runs and no firewall is between; correct host and port in 'dsn'"),
    ("translate host name", "correct the host in 'dsn'"),
    ("resolve", "correct the host in 'dsn'"),
    ("too many clients", "raise max_connections of the server, or stop what else uses it"),
    ("starting up", "wait until the server has started"),
)
"""What libpq and the server say, the more telling first; their words have no code before a session exists."""
_FORMS: Final = "postgresql://user@host/database or as key=value pairs"
_ABSENT: Final = frozenset({"role", "database"})


def why_unreachable(error: psycopg.Error) -> str:
    """One line: what was said, and what to do. Never the DSN itself: it holds a password."""
    reason = " ".join(str(error).split())
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return "the DSN is not understood (not shown: it may hold a password); write it as " + _FORMS
    for words, mend in _MENDS:
        if words in reason and (words not in _ABSENT or (f'{words} "' in reason and "does not exist" in reason)):
            return f"{reason}; {mend}"
    return f"{reason}; is it running, is 'dsn' right?"
