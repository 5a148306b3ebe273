"""Five times more than the database takes, for a while: does the gateway keep its memory, and every reading?

The database is held shut for four fifths of each second, by a lock on the ingest's marks; messages of one reading are
offered at the speed that the gateway reached with all of it. Afterwards the gateway catches up, and every reading that
was offered must be there, once.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Protocol

import psycopg

from medtap.bench.ingest_load import LoadSpec

OVERLOAD: Final = 5
_TURN_S: Final = 1.0
_NODES: Final = 20
_PATIENCE_S: Final = 60.0


class Bench(Protocol):
    """What is asked of the running parts."""

    @property
    def dsn(self) -> str:
        """The database."""
        ...

    def spec(self, *, nodes: int, rows: int, rows_per_frame: int) -> LoadSpec:
        """A load."""
        ...

    def send(self, spec: LoadSpec) -> Mapping[str, Any]:
        """Send it, and check that all of it is stored, once."""
        ...

    def gateway_peak_mb(self) -> float:
        """The gateway's largest resident size so far."""
        ...


class Overload:
    """One trial."""

    def __init__(self, bench: Bench, seconds: int, per_s: int) -> None:
        """`per_s`: messages a second that the gateway takes with the whole of the database."""
        self._bench = bench
        self._seconds = seconds
        self._per_s = per_s
        self._committed = 0

    def measure(self) -> Mapping[str, Any]:
        """Offer and catch up.

        Returns:
            `seconds`, `offered_per_s`, `committed_per_s` (both while it lasts), `gateway_rss_mb` (peak), `dropped`,
            `caught_up_s` (from the last offer to the last acknowledgement).

        Raises:
            ServiceError: a reading is missing or double.
        """
        spec = self._bench.spec(nodes=_NODES, rows=self._per_s * self._seconds, rows_per_frame=1)
        offered = spec.nodes * spec.readings_per_node
        # No window: the broker, not the load, is to hold what the gateway cannot take yet. And nothing is sent again
        # only because it waits there: what is sent twice then was lost.
        spec = replace(
            spec,
            rate_per_s=float(self._per_s),
            window_frames=spec.readings_per_node,
            resend_s=self._seconds + _PATIENCE_S,
        )
        with psycopg.connect(self._bench.dsn, autocommit=True) as connection:
            connection.execute("TRUNCATE reading")
        with self._shut():
            sent = self._bench.send(spec)
        with psycopg.connect(self._bench.dsn) as connection:
            stored = _count(connection)
        return {
            "seconds": round(sent["offered_s"], 1),
            "offered_per_s": round(offered / sent["offered_s"]),
            "committed_per_s": round(self._committed / self._seconds),
            "gateway_rss_mb": round(self._bench.gateway_peak_mb(), 1),
            "dropped": offered - stored,
            "caught_up_s": round(sent["took_s"] - sent["offered_s"], 1),
            "resent_frames": sent["resent_frames"],
        }

    @contextmanager
    def _shut(self) -> Iterator[None]:
        """Keep the database shut for four fifths of each second, from the first reading on, while the offer lasts."""
        done = threading.Event()
        thread = threading.Thread(target=self._shut_until, args=(done,), name="bench-shut")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _shut_until(self, done: threading.Event) -> None:
        open_s = _TURN_S / OVERLOAD
        with psycopg.connect(self._bench.dsn, autocommit=True) as connection:
            while not _count(connection):
                if done.wait(0.05):
                    return
            for _ in range(int(self._seconds / _TURN_S)):
                with connection.transaction():
                    connection.execute("LOCK TABLE ingest_mark IN EXCLUSIVE MODE")
                    if done.wait(_TURN_S - open_s):
                        return
                if done.wait(open_s):
                    return
            self._committed = _count(connection)


def _count(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM reading").fetchone()
    return 0 if row is None else int(row[0])
