"""Backup and restore against a real PostgreSQL, with its own pg_dump."""

import errno
import json
import threading
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from edge.contracts.streams import Stream
from gateway.db import backup
from gateway.db.backup import back_up, holds_medtap, restore
from gateway.db.migrator import migrate
from gateway.db.partitions import make_partitions
from gateway.db.pool import open_pool
from gateway.errors import BackupError
from gateway.ingest.marks import StreamId
from medtap.cli.app import app
from medtap.services.postgres import EmbeddedPostgres
from tests.gateway.ingest_kit import NOW, Database, Node, furnish, reading, readings_from

pytestmark = pytest.mark.integration


def _furnish(dsn: str) -> None:
    migrate(dsn)
    with psycopg.connect(dsn) as connection:
        make_partitions(connection, NOW)
    furnish(dsn)


def _value(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


def _generation(dsn: str) -> object:
    return _value(dsn, "SELECT generation FROM server")


def _seqs(dsn: str) -> list[int]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT seq FROM reading ORDER BY seq")]


def test_after_a_restore_the_replayed_rows_leave_no_hole_and_no_duplicate(postgres_dsn: str, tmp_path: Path) -> None:
    _furnish(postgres_dsn)
    node, file = Node(), tmp_path / "medtap.backup"
    frames = [node.readings(reading(4.0 + index), first_seq=index + 1) for index in range(6)]
    telemetry = StreamId(node.site, node.edge_node, Stream.TELEMETRY, node.epoch)

    pool = open_pool(postgres_dsn)
    database = Database(postgres_dsn, pool)
    database.take(*frames[:3])
    saved = back_up(postgres_dsn, file)
    later = database.take(*frames[3:])
    assert later.server_generation == saved.server_generation
    pool.close()

    restored = restore(postgres_dsn, file)
    assert restored.replaced
    assert restored.server_generation != saved.server_generation
    assert _seqs(postgres_dsn) == [1, 2, 3]

    pool = open_pool(postgres_dsn)
    database = Database(postgres_dsn, pool)
    # What an edge node offers first is beyond the restored mark: it is told the mark of the new generation.
    gap = database.take(frames[5])
    assert (gap.server_generation, gap.answers[telemetry].mark) == (restored.server_generation, 3)
    replayed = database.take(*frames)
    assert replayed.answers[telemetry].mark == 6
    assert _seqs(postgres_dsn) == [1, 2, 3, 4, 5, 6]
    pool.close()


def test_an_idle_gateway_whose_connections_were_cut_notices_that_the_database_was_restored(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """Else it would tell the old generation, and give readings the keys that devices had before."""
    _furnish(postgres_dsn)
    node, other, file = Node(), Node(edge_node="other-1"), tmp_path / "medtap.backup"
    pool = open_pool(postgres_dsn)
    database = Database(postgres_dsn, pool)
    before = database.take(other.readings(reading(4.0, device="made-before"), first_seq=1))
    back_up(postgres_dsn, file)
    database.take(node.readings(reading(5.0, device="made-after"), first_seq=1))
    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    restored = restore(postgres_dsn, file)
    database.run("INSERT INTO device (site, edge_node, device_id) VALUES ('x', 'x', 'takes-the-next-key')")
    after = database.take(node.readings(reading(5.0, device="made-after"), first_seq=1))
    pool.close()
    assert before.server_generation != restored.server_generation == after.server_generation
    stored = "SELECT device_id FROM reading JOIN device USING (device_key) ORDER BY device_id"
    assert database.column(stored) == ["made-after", "made-before"]


def test_a_backup_moves_to_an_empty_database_and_is_itself_backed_up(
    postgres_dsn: str, own_database: str, tmp_path: Path
) -> None:
    _furnish(postgres_dsn)
    first, second = tmp_path / "first.backup", tmp_path / "second.backup"
    back_up(postgres_dsn, first)
    assert not holds_medtap(own_database)
    report = restore(own_database, first)
    assert not report.replaced
    assert _generation(own_database) == report.server_generation != _generation(postgres_dsn)
    # Again, over itself: a schema that was dropped and made anew must dump and restore like a virgin one.
    for file in (second, first):
        back_up(own_database, file)
        assert restore(own_database, file).replaced
    assert migrate(own_database).applied == ()
    assert _value(own_database, "SELECT count(*) FROM place") == _value(postgres_dsn, "SELECT count(*) FROM place")


@pytest.fixture
def own_database(postgres_server: EmbeddedPostgres) -> str:
    """A second database."""
    return postgres_server.create_database()


def test_a_backup_under_load_is_of_one_instant(postgres_dsn: str, own_database: str, tmp_path: Path) -> None:
    _furnish(postgres_dsn)
    pool = open_pool(postgres_dsn)
    database, node, stop = Database(postgres_dsn, pool), Node(), threading.Event()

    def load() -> None:
        while not stop.is_set():
            database.take(node.readings(*readings_from(NOW, [5.0] * 20)))

    writer = threading.Thread(target=load)
    writer.start()
    try:
        back_up(postgres_dsn, tmp_path / "medtap.backup")
    finally:
        stop.set()
        writer.join()
        pool.close()
    restore(own_database, tmp_path / "medtap.backup")
    stored = _value(own_database, "SELECT coalesce(max(seq), 0) FROM reading")
    assert stored == _value(own_database, "SELECT coalesce(max(mark), 0) FROM ingest_mark")
    assert stored == _value(own_database, "SELECT count(*) FROM reading")


def test_a_backup_cut_short_is_refused_and_the_database_stays(postgres_dsn: str, tmp_path: Path) -> None:
    _furnish(postgres_dsn)
    file = tmp_path / "medtap.backup"
    back_up(postgres_dsn, file)
    before, whole = _generation(postgres_dsn), file.read_bytes()
    for length in (0, 3, len(whole) // 2, len(whole) - 2000):
        file.write_bytes(whole[:length])
        with pytest.raises(BackupError):
            restore(postgres_dsn, file)
        assert _generation(postgres_dsn) == before
        assert _value(postgres_dsn, "SELECT count(*) FROM place") == 5


def test_a_running_gateway_is_noticed(postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _furnish(postgres_dsn)
    back_up(postgres_dsn, tmp_path / "medtap.backup")
    monkeypatch.setattr(backup, "GATEWAYS_GONE_WITHIN_S", 0.3)
    pool = open_pool(postgres_dsn)
    try:
        with pool.connection(), pytest.raises(BackupError, match="a gateway is connected to the database: stop it"):
            restore(postgres_dsn, tmp_path / "medtap.backup")
    finally:
        pool.close()


def test_a_database_of_something_else_is_not_touched(postgres_dsn: str, own_database: str, tmp_path: Path) -> None:
    _furnish(postgres_dsn)
    back_up(postgres_dsn, tmp_path / "medtap.backup")
    with psycopg.connect(own_database) as connection:
        connection.execute("CREATE TABLE payroll ()")
    with pytest.raises(BackupError, match=r"tables that are not medtap's \(payroll\): restore into an empty database"):
        restore(own_database, tmp_path / "medtap.backup")
    with pytest.raises(BackupError, match="nothing to back up"):
        back_up(own_database, tmp_path / "other.backup")
    assert not (tmp_path / "other.backup").exists()


def test_a_place_that_takes_no_file_is_named_and_an_older_backup_stays(postgres_dsn: str, tmp_path: Path) -> None:
    _furnish(postgres_dsn)
    file = tmp_path / "medtap.backup"
    back_up(postgres_dsn, file)
    older = file.read_bytes()
    with pytest.raises(BackupError, match=r"pg_dump failed: .*no-such-directory"):
        back_up(postgres_dsn, tmp_path / "no-such-directory" / "medtap.backup")
    with pytest.raises(BackupError, match=r"can't be reached: .*correct the database's name in 'dsn'"):
        back_up(postgres_dsn.rpartition("/")[0] + "/no_such_database", file)
    assert file.read_bytes() == older
    assert [path.name for path in tmp_path.iterdir()] == ["medtap.backup"]


def test_a_disk_that_is_read_only_is_named_with_the_mend(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _furnish(postgres_dsn)

    def refuse(_: Path, *, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    # What unlink(2) says there, even of a file that does not exist; a directory that is missing stands for the rest.
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(BackupError, match=r"pg_dump failed: .*: choose a place that can be written and has room"):
        back_up(postgres_dsn, tmp_path / "read-only" / "medtap.backup")


def test_sessions_and_links_of_the_day_of_the_backup_are_ended(postgres_dsn: str, tmp_path: Path) -> None:
    _furnish(postgres_dsn)
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("INSERT INTO login_account (username, display_name, roles) VALUES ('an', 'An', '{clerk}')")
        connection.execute(
            "INSERT INTO login_session (token_sha256, username, csrf_token, created_at, last_used_at, expires_at)"
            " VALUES ('a', 'an', 'c', now(), now(), now() + interval '1 hour')"
        )
        connection.execute(
            "INSERT INTO one_time_link (token_sha256, purpose, username, created_at, expires_at)"
            " VALUES ('b', 'sign_in', 'an', now(), now() + interval '1 hour')"
        )
    back_up(postgres_dsn, tmp_path / "medtap.backup")
    restore(postgres_dsn, tmp_path / "medtap.backup")
    assert _value(postgres_dsn, "SELECT count(*) FROM login_session WHERE ended_at IS NULL") == 0
    assert _value(postgres_dsn, "SELECT count(*) FROM one_time_link WHERE used_at IS NULL") == 0


def test_the_command_backs_up_and_replaces_only_when_told_to(postgres_dsn: str, tmp_path: Path) -> None:
    _furnish(postgres_dsn)
    file = tmp_path / "medtap.backup"
    config = tmp_path / "gateway.toml"
    config.write_text(f'dsn = "{postgres_dsn}"\n')
    saved = CliRunner().invoke(app, ["db", "backup", str(config), str(file), "--json"])
    assert saved.exit_code == 0, saved.output
    assert json.loads(saved.stdout)["size_bytes"] == file.stat().st_size
    refused = CliRunner().invoke(app, ["db", "restore", postgres_dsn, str(file)])
    assert (refused.exit_code, "--replace" in refused.stderr) == (2, True)
    assert _generation(postgres_dsn) == json.loads(saved.stdout)["server_generation"]
    done = CliRunner().invoke(app, ["db", "restore", postgres_dsn, str(file), "--replace", "--json"])
    assert json.loads(done.stdout)["server_generation"] == _generation(postgres_dsn)
    missing = CliRunner().invoke(app, ["db", "restore", postgres_dsn, str(tmp_path / "none"), "--replace"])
    assert (missing.exit_code, "no such file" in missing.stderr) == (2, True)
