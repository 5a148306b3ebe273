"""Backup and restore of a database whose time series TimescaleDB keeps: into a new, empty database."""

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from gateway.config import StorageConfig
from gateway.db.backup import back_up, restore
from gateway.db.bulk import write_readings
from gateway.db.migrator import migrate
from gateway.db.policies import settle_policies
from gateway.db.rollups import refresh
from gateway.db.status import read_status
from gateway.errors import BackupError
from gateway.ingest.rows import ReadingRow
from medtap.services.postgres import EmbeddedPostgres
from tests.gateway.ingest_kit import NOW, furnish
from tests.gateway.timescale_fixture import TimescaleServer

pytestmark = pytest.mark.integration

HOURS = 24 * 60
HELD = (
    "SELECT (SELECT count(*) FROM reading), (SELECT sum(seq) FROM reading), (SELECT count(*) FROM reading_hour),"
    " (SELECT sum(reading_count) FROM reading_day), (SELECT count(*) FROM place),"
    " (SELECT array_agg(name ORDER BY number) FROM schema_migration)"
)


def _reading(seq: int) -> ReadingRow:
    return ReadingRow(NOW - timedelta(hours=seq), 1, 5.0 + seq % 3, NOW, None, 1, seq, 1, seq)


def _fill(dsn: str) -> None:
    migrate(dsn)
    furnish(dsn)
    with psycopg.connect(dsn) as connection:
        write_readings(connection, [_reading(seq) for seq in range(1, HOURS)])
        refresh(connection, NOW - timedelta(hours=HOURS), NOW, levels=("hour", "day"))
        settle_policies(connection, StorageConfig(), NOW)
        connection.execute(
            "SELECT compress_chunk(chunk) FROM show_chunks('reading', older_than => %s) chunk",
            (NOW - timedelta(days=45),),
        )


def _held(dsn: str) -> object:
    with psycopg.connect(dsn) as connection:
        return connection.execute(HELD.encode()).fetchone()


@pytest.fixture(scope="module")
def saved(timescale_server: TimescaleServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, object, str]:
    """A backup, what it holds, and the generation that it was made of; the server is then anyone's again."""
    file = tmp_path_factory.mktemp("saved") / "medtap.backup"
    dsn = timescale_server.fresh()
    _fill(dsn)
    held = _held(dsn)
    report = back_up(dsn, file)
    return file, held, report.server_generation


def test_hypertables_chunks_sums_and_policies_come_back_and_go_on(
    saved: tuple[Path, object, str], timescale_server: TimescaleServer
) -> None:
    file, held, generation = saved
    dsn = timescale_server.bare()  # without the extension: the restore installs it
    report = restore(dsn, file)
    assert not report.replaced
    assert report.server_generation != generation
    assert _held(dsn) == held
    assert migrate(dsn).applied == ()
    status = read_status(dsn, StorageConfig(), NOW)
    assert (status.engine, status.notice) == ("timescaledb", "")
    assert status.series[0].compressed_parts > 0
    assert status.series[0].parts > status.series[0].compressed_parts
    assert {"reading", "event", "reading_minute", "reading_hour", "reading_day"} <= {p.table for p in status.policies}
    with psycopg.connect(dsn) as connection:
        # Replayed rows find their places: in a compressed chunk, in a new one, and in the sums.
        write_readings(connection, [_reading(HOURS), _reading(0)])
        assert settle_policies(connection, StorageConfig(), NOW) == ()
        refresh(connection, NOW - timedelta(hours=HOURS), NOW + timedelta(hours=1), levels=("hour", "day"))
        assert connection.execute("SELECT sum(reading_count) FROM reading_day").fetchone() == (HOURS + 1,)
        assert connection.execute("SELECT current_setting('timescaledb.restoring')").fetchone() == ("off",)


def test_a_database_with_timescaledb_is_not_replaced_in_place(
    saved: tuple[Path, object, str], timescale_server: TimescaleServer
) -> None:
    dsn = timescale_server.fresh()
    migrate(dsn)
    with pytest.raises(BackupError, match=r"can't be replaced in place: make an empty one"):
        restore(dsn, saved[0])
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM schema_migration").fetchone() != (0,)


def test_a_server_without_timescaledb_is_told_what_the_backup_needs(
    saved: tuple[Path, object, str], postgres_server: EmbeddedPostgres
) -> None:
    with pytest.raises(BackupError, match=r"database with TimescaleDB, which this server does not have: install"):
        restore(postgres_server.create_database(), saved[0])
