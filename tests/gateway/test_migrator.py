"""Migrations against a real PostgreSQL."""

import threading
from pathlib import Path

import psycopg
import pytest

from gateway.db.migrator import Migration, migrate, read_migrations
from gateway.errors import MigrationError

pytestmark = pytest.mark.integration


def _tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {str(row[0]) for row in rows}


def test_an_empty_database_gets_the_whole_schema_and_a_second_run_does_nothing(postgres_dsn: str) -> None:
    names = tuple(migration.name for migration in read_migrations())
    first = migrate(postgres_dsn)
    assert (first.already_applied, first.applied) == ((), names)
    assert {"reading", "event", "ingest_mark", "dead_letter", "visit", "movement", "alarm", "page"} <= _tables(
        postgres_dsn
    )
    second = migrate(postgres_dsn)
    assert (second.already_applied, second.applied) == (names, ())


def test_a_dry_run_says_what_it_would_do_and_does_not(postgres_dsn: str) -> None:
    report = migrate(postgres_dsn, dry_run=True)
    assert report.dry_run
    assert report.applied[0] == "0001_delivery.sql"
    assert _tables(postgres_dsn) == set()


def test_two_gateways_that_start_together_migrate_once(postgres_dsn: str) -> None:
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(migrate(postgres_dsn))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(report.applied) for report in reports) == [0, 0, len(read_migrations())]


def test_an_edited_file_is_refused_and_named(postgres_dsn: str) -> None:
    original = (Migration(1, "0001_first.sql", "CREATE TABLE a ();"),)
    migrate(postgres_dsn, migrations=original)
    with pytest.raises(MigrationError, match=r"'0001_first\.sql' is not the one that was applied.*put it back"):
        migrate(postgres_dsn, migrations=(Migration(1, "0001_first.sql", "CREATE TABLE b ();"),))


def test_a_database_newer_than_the_program_is_refused(postgres_dsn: str) -> None:
    first = Migration(1, "0001_first.sql", "CREATE TABLE a ();")
    migrate(postgres_dsn, migrations=(first, Migration(2, "0002_second.sql", "CREATE TABLE b ();")))
    with pytest.raises(MigrationError, match=r"2 migrations, this program knows 1: the database is newer"):
        migrate(postgres_dsn, migrations=(first,))


def test_a_migration_that_fails_leaves_nothing_of_itself(postgres_dsn: str) -> None:
    bad = Migration(2, "0002_bad.sql", "CREATE TABLE b (); SELECT 1/0;")
    with pytest.raises(MigrationError, match=r"'0002_bad\.sql' failed and nothing was changed: division by zero"):
        migrate(postgres_dsn, migrations=(Migration(1, "0001_first.sql", "CREATE TABLE a ();"), bad))
    assert _tables(postgres_dsn) == set()


def test_a_hole_in_the_numbers_is_a_broken_installation(tmp_path: Path) -> None:
    for name in ("0001_a.sql", "0003_c.sql"):
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=r"numbered \[1, 3\]"):
        read_migrations(tmp_path)


def test_a_file_with_another_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "first.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=r"'first\.sql': expected a name like"):
        read_migrations(tmp_path)
