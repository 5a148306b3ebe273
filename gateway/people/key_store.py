"""Which keys belong to this database: found or made at the start, and never silently another's."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.db.pool import Connection
from gateway.people.keys import INDEX_KEY_ID, PeopleKeyError, PeopleKeys, read_keys, write_keys

_LOG: Final = logging.getLogger(__name__)
_CREATE: Final = "make them with: medtap gateway people-keys create FILE"


def keys_for(connection: Connection, key_file: Path | None, now: datetime) -> PeopleKeys | None:
    """The keys of this database; None where no file is configured and nobody is stored.

    At the very first start, while nobody is stored, the file is made.

    Raises:
        PeopleKeyError: the file is missing, wrong, or of another database. The message says what is lost without it.
    """
    stored, known = people_stored(connection), _known(connection)
    if key_file is None:
        if stored:
            raise PeopleKeyError(
                f"people.key_file is not set, and {stored} patients are stored: name the file with their keys"
            )
        return None
    if not key_file.exists():
        if stored or known:
            raise PeopleKeyError(_missing(key_file, stored, known))
        write_keys(key_file, PeopleKeys.create())
        _LOG.warning(
            "people keys made: %s. Without this file no patient can be read again: keep a copy apart from the backups",
            key_file,
        )
    keys = read_keys(key_file)
    if known and not stored:
        connection.execute("DELETE FROM people_key")  # of an empty database: nothing was sealed with them
        known = {}
    _compare(keys, known, key_file, stored)
    for key_id, check in keys.checks().items():
        connection.execute(
            "INSERT INTO people_key VALUES (%s, %s, %s) ON CONFLICT (key_id) DO NOTHING", (key_id, check, now)
        )
    return keys


def stored_without(connection: Connection, key_file: Path | None) -> str:
    """After a restore: how many patients there are, and whether the keys that are here open them."""
    stored, known = people_stored(connection), _known(connection)
    if not stored:
        return "No patients are stored: no people keys are needed."
    if key_file is None:
        return f"{stored} patients are stored sealed: have [people] key_file of this backup's days ready."
    try:
        if not key_file.exists():
            return _missing(key_file, stored, known)
        _compare(read_keys(key_file), known, key_file, stored)
    except PeopleKeyError as error:
        return str(error)
    return f"{stored} patients are stored sealed, and {key_file} has their keys."


def people_stored(connection: Connection) -> int:
    """How many patients' records there are."""
    row = connection.execute("SELECT count(*) FROM patient").fetchone()
    return 0 if row is None else int(row[0])


def _known(connection: Connection) -> dict[int, bytes]:
    return {row[0]: bytes(row[1]) for row in connection.execute("SELECT key_id, key_check FROM people_key")}


def _missing(key_file: Path, stored: int, known: dict[int, bytes]) -> str:
    if not known:
        return f"{stored} patients are stored as before keys were used, and {str(key_file)!r} is not there: {_CREATE}"
    return (
        f"{stored} patients are stored sealed, and their keys {str(key_file)!r} are not there: names, numbers and "
        "emergency data can't be read without them, and new keys would not open them. Put the copy of the file back "
        "that was kept apart from the backups"
    )


def _compare(keys: PeopleKeys, known: dict[int, bytes], key_file: Path, stored: int) -> None:
    checks = keys.checks()
    wrong = [key_id for key_id, check in known.items() if key_id in checks and checks[key_id] != check]
    lost = [key_id for key_id in known if key_id not in checks]
    if wrong:
        what = "the key of the indexes" if wrong == [INDEX_KEY_ID] else f"keys {sorted(wrong)}"
        raise PeopleKeyError(
            f"people keys {str(key_file)!r} are another database's ({what}): the {stored} patients here were sealed "
            "with others. Put the file back that belongs to this database, or to the backup that was restored"
        )
    if lost:
        raise PeopleKeyError(
            f"people keys {str(key_file)!r} lack keys {sorted(lost)}, which this database was sealed with: it is an "
            "older copy. Put the newest copy back"
        )
