"""What the gateway starts for people's data: the keys, and a thread that seals anew what an older key sealed."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.db.pool import Pool
from gateway.people.audit_chain import seal_audit
from gateway.people.config import PeopleConfig
from gateway.people.key_store import keys_for
from gateway.people.people import People
from gateway.people.resealing import BATCH_ROWS, TABLES, reseal_batch, seal_plain
from gateway.repeating import RepeatingThread

_LOG: Final = logging.getLogger(__name__)
_ROUND_S: Final = 60.0
_REST_S: Final = 0.05
"""Between batches: whoever waits for a row or a core goes first."""


def open_people(pool: Pool, config: PeopleConfig, clock: Callable[[], datetime]) -> People:
    """People's data with the keys of this database, nothing of it plain any more.

    Raises:
        PeopleKeyError: somebody is stored and the keys are missing or wrong.
    """
    with pool.connection() as connection:
        keys = keys_for(connection, config.key_file, clock())
    if keys is not None:
        seal_plain(pool, keys)
    return People(keys, clock, undo_merge_days=config.undo_merge_days)


class PeopleCare(RepeatingThread):
    """Seals the audit each minute, and after a change of keys seals rows anew, batch by batch."""

    def __init__(self, pool: Pool, people: People, *, round_s: float = _ROUND_S) -> None:
        super().__init__("people", round_s)
        self._pool = pool
        self._people = people

    def round(self) -> int:
        """Everything once; how many rows were sealed anew."""
        if not self._people.has_keys:
            return 0
        with self._pool.connection() as connection:
            seal_audit(connection, self._people.keys, self._people.clock())
        done = 0
        for table in TABLES:
            while not self._stopping.is_set():
                with self._pool.connection() as connection:
                    rows = reseal_batch(connection, self._people.keys, table)
                done += rows
                if rows:
                    _LOG.info("people: %d rows of %s sealed with key %d", done, table.name, self._people.keys.current)
                if rows < BATCH_ROWS or self._stopping.wait(_REST_S):
                    break
        return done


def start(pool: Pool, people: People) -> PeopleCare:
    """The thread, running."""
    care = PeopleCare(pool, people)
    care.start()
    return care
