"""The database is full, read-only or slow: the gateway waits, says so, and loses nothing. Real parts."""

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from edge.contracts.streams import Stream
from gateway.config import MqttConfig
from gateway.db.migrator import migrate
from gateway.db.partitions import make_partitions
from gateway.db.pool import open_pool
from gateway.errors import is_environment_fault
from gateway.ingest.committer import Committed, Committer
from gateway.ingest.decoder import Decoded, decode
from gateway.ingest.turns import Turn
from gateway.ingest.worker import IngestWorker
from gateway.services import reads_operations
from medtap.services.broker import EmbeddedBroker
from tests.gateway.edge_client import EdgeClient, eventually
from tests.gateway.ingest_kit import NOW, Database, Node, encoded, furnish, reading

pytestmark = pytest.mark.integration


def _now() -> datetime:
    return datetime.now(UTC)


class _Faulty:
    """A committer whose database has a fault for a while."""

    def __init__(self, inner: Committer) -> None:
        self.inner = inner
        self.fault: Exception | None = None
        self.pause_s = 0.0
        self.tries = 0
        self.largest = 0

    def commit(self, batch: list[Decoded], turn: Turn) -> Committed:
        self.tries += 1
        self.largest = max(self.largest, len(batch))
        time.sleep(self.pause_s)
        if self.fault is not None:
            raise self.fault
        return self.inner.commit(batch, turn)


@contextmanager
def _worker(faulty: _Faulty, broker: EmbeddedBroker, receive_maximum: int = 1000) -> Iterator[IngestWorker]:
    config = MqttConfig(
        host=broker.host,
        port=broker.port,
        client_id=f"gateway-{secrets.token_hex(4)}",
        receive_maximum=receive_maximum,
    )
    worker = IngestWorker(config, [faulty], _now)  # type: ignore[list-item] # the one method that it uses
    worker.start()
    try:
        assert worker.subscriber.wait_connected(60.0)
        yield worker
    finally:
        worker.stop()


@pytest.mark.parametrize(
    "fault",
    [
        psycopg.errors.DiskFull('could not extend file "base/1/2": No space left on device'),
        psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"),
        psycopg.errors.InsufficientPrivilege("permission denied for table reading"),
        psycopg.errors.IoError("could not write to file"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_what_ails_the_database_is_retried_with_back_off_and_told_once_a_try(
    fault: psycopg.Error, database: Database, broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    assert is_environment_fault(fault)
    node = Node(site=f"t{secrets.token_hex(4)}")
    edge = EdgeClient(broker.host, broker.port, node)
    faulty = _Faulty(database.committer)
    faulty.fault = fault
    try:
        with caplog.at_level(logging.WARNING), _worker(faulty, broker):
            edge.send(node.readings(reading(4.0, at=_now()), at=_now()))
            eventually(lambda: faulty.tries >= 3)
            faulty.fault = None
            assert edge.wait_ack(lambda ack: ack.mark == 1).mark == 1
    finally:
        edge.close()
    told = [record.getMessage() for record in caplog.records if "database not available" in record.getMessage()]
    assert len(told) >= 2
    assert str(fault) in told[0]
    assert "again in 0.1 s" in told[0]
    assert "again in 0.2 s" in told[1]
    assert database.value("SELECT count(*) FROM dead_letter") == 0


def test_a_database_that_is_read_only_is_waited_for(postgres_dsn: str) -> None:
    """PostgreSQL's own word, not a raised one. A database of its own: a pool's connections remember how it was."""
    migrate(postgres_dsn)
    furnish(postgres_dsn)
    frame = decode(Node().readings(reading(4.0)))
    with psycopg.connect(postgres_dsn, autocommit=True) as administrator:
        make_partitions(administrator, NOW)
        name = sql.Identifier(administrator.info.dbname)
        administrator.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
        with (
            closing(open_pool(postgres_dsn)) as pool,
            pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as raised,
        ):
            Database(postgres_dsn, pool).committer.commit([frame])
        administrator.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
    assert is_environment_fault(raised.value)
    with closing(open_pool(postgres_dsn)) as pool:
        database = Database(postgres_dsn, pool)
        assert database.value("SELECT count(*) FROM dead_letter") == 0
        database.committer.commit([frame])
        assert database.column("SELECT seq FROM reading") == [1]


@pytest.mark.parametrize("seconds", [1.0, pytest.param(60.0, marks=pytest.mark.slow)])
def test_under_more_load_than_the_database_bears_memory_is_bounded_and_nothing_is_dropped(
    seconds: float, database: Database, broker: EmbeddedBroker
) -> None:
    """Frames come five times as fast as a slow database takes them, for a while; then it catches up."""
    node = Node(site=f"t{secrets.token_hex(4)}")
    faulty = _Faulty(database.committer)
    faulty.pause_s = 0.25
    receive_maximum = 20
    deepest = 0
    stop = threading.Event()
    edge = EdgeClient(broker.host, broker.port, node)
    before_mb = _resident_mb()
    sent = 0
    try:
        with _worker(faulty, broker, receive_maximum) as worker:

            def watch() -> None:
                nonlocal deepest
                while not stop.wait(0.005):
                    deepest = max(deepest, worker.waiting)

            watcher = threading.Thread(target=watch)
            watcher.start()
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline or sent < 60:
                rows = encoded([reading(4.0 + index / 1000, at=_now()) for index in range(200)])
                edge.send(node.rows(Stream.TELEMETRY, rows, at=_now()))
                sent += 1
            mark = 200 * sent
            faulty.pause_s = 0.0
            assert edge.wait_ack(lambda ack: ack.mark == mark, timeout_s=60.0).mark == mark
            stop.set()
            watcher.join()
            assert worker.counts.gap_frames == 0
    finally:
        stop.set()
        edge.close()
    assert database.value("SELECT count(DISTINCT seq) FROM reading") == 200 * sent
    assert database.value("SELECT count(*) FROM reading") == 200 * sent
    assert deepest <= 256
    assert _resident_mb() - before_mb < 150


def _resident_mb() -> float:
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def test_each_nodes_lag_and_skew_are_kept(database: Database) -> None:
    node = Node()
    database.take(node.readings(reading(4.0, at=NOW), reading(4.1, at=NOW)))
    assert database.rows("SELECT ingest_lag_s, clock_offset_s FROM edge_node") == [(0.0, 0.0)]
    database.take(node.readings(reading(4.2, at=NOW - timedelta(hours=2))))
    assert database.rows("SELECT ingest_lag_s, clock_offset_s FROM edge_node") == [(7200.0, 0.0)]


def test_a_nodes_lag_is_kept_when_its_frame_is_a_duplicate(database: Database) -> None:
    node = Node()
    frame = node.readings(reading(4.2, at=NOW - timedelta(hours=2)))
    database.take(frame)
    database.take(frame)
    assert database.rows("SELECT ingest_lag_s, ingest_lag_at IS NULL FROM edge_node") == [(7200.0, False)]


def test_lag_and_skew_are_in_what_the_api_says_of_edge_nodes(database: Database) -> None:
    database.take(Node().readings(reading(4.2, at=NOW - timedelta(hours=2))))
    with database.pool.connection() as connection:
        (told,) = reads_operations.edge_nodes(connection)
    assert (told.ingest_lag_s, told.clock_offset_s) == (7200.0, 0.0)
    assert told.ingest_lag_at is not None
