"""`medtap db status` on both engines."""

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from typer.testing import CliRunner

from gateway.config import StorageConfig
from gateway.db.bulk import write_readings
from gateway.db.engine import read_engine
from gateway.db.policies import settle_policies
from gateway.db.status import read_status
from gateway.errors import MigrationError, StartError
from gateway.ingest.rows import ReadingRow
from gateway.stock.series import refresh_day_sums
from medtap.cli.app import app
from tests.gateway.ingest_kit import NOW

pytestmark = pytest.mark.integration


def _fill(dsn: str) -> None:
    rows = [ReadingRow(NOW - timedelta(minutes=n), 1, 5.0, NOW, None, 1, n, 1, n) for n in range(400)]
    with psycopg.connect(dsn) as connection:
        write_readings(connection, rows)


def test_the_status_tells_engine_sizes_and_what_comes_next(series_dsn: str) -> None:
    _fill(series_dsn)
    with psycopg.connect(series_dsn) as connection:
        engine = read_engine(connection)
        connection.commit()
        settle_policies(connection, StorageConfig(keep_readings_days=365), NOW)
    status = read_status(series_dsn, StorageConfig(keep_readings_days=365), NOW)
    assert status.waiting_slots == 0
    readings = status.series[0]
    assert status.engine == engine
    assert (readings.table, readings.rows, readings.compressed_parts) == ("reading", 400, 0)
    assert readings.newest == NOW
    assert status.oldest_uncompressed == readings.oldest == NOW - timedelta(minutes=399)
    assert status.bytes_a_reading is not None
    assert 50 < status.bytes_a_reading < 2000
    assert any("365 days" in policy.what for policy in status.policies)
    if engine == "timescaledb":
        assert {policy.table for policy in status.policies} == {
            "reading",
            "event",
            "reading_minute",
            "reading_hour",
            "reading_day",
            "posting_day",
            "stock_use_week",
            "visit_load_hour",
        }
        assert status.extension_version is not None
    else:
        assert readings.parts == 5
        assert status.rows_in_default_partitions == 0
        _fill(series_dsn)
        assert read_status(series_dsn, StorageConfig(), NOW).waiting_slots == 41


def test_a_script_reads_the_status_as_json(series_dsn: str) -> None:
    done = CliRunner().invoke(app, ["db", "status", series_dsn, "--json"])
    assert done.exit_code == 0, done.output
    status = json.loads(done.stdout)
    assert status["engine"] in ("partitions", "timescaledb")
    assert [one["table"] for one in status["series"]][:2] == ["reading", "event"]


def test_the_status_tells_how_large_the_series_of_stock_and_its_sums_are(series_dsn: str) -> None:
    with psycopg.connect(series_dsn) as connection:
        connection.execute(
            "INSERT INTO posting SELECT md5(n::text)::uuid, %s::timestamptz - n * interval '1 hour', 'place:store',"
            " 'supplier', 'P1', 'L1', 5 FROM generate_series(1, 50) n",
            (NOW,),
        )
        connection.commit()
        refresh_day_sums(connection, NOW - timedelta(days=10), NOW)
    series = {one.table: one for one in read_status(series_dsn, StorageConfig(), NOW).series}
    postings, days = series["posting"], series["posting_day"]
    assert (postings.rows, postings.oldest) == (50, NOW - timedelta(hours=50))
    assert (postings.newest, days.rows) == (NOW - timedelta(hours=1), 3)
    assert "stock_use_week" in series
    assert min(postings.size_bytes, days.size_bytes) > 0


def test_a_database_without_tables_or_that_is_not_there_is_said_so(postgres_dsn: str) -> None:
    with pytest.raises(MigrationError, match=r"no table 'reading': run medtap gateway migrate"):
        read_status(postgres_dsn, StorageConfig(), datetime.now(UTC))
    with pytest.raises(StartError, match="correct the database's name"):
        read_status(postgres_dsn + "_gone", StorageConfig(), datetime.now(UTC))
    done = CliRunner().invoke(app, ["db", "status", postgres_dsn + "_gone"])
    assert done.exit_code == 2
