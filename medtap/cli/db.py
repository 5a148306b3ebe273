"""`medtap db`: the database's state, its backup and its restore."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtap.cli.output import fail, print_json, say

if TYPE_CHECKING:
    from gateway.config import StorageConfig

app = typer.Typer(no_args_is_help=True, help="The database: its state, its backup and its restore.")

Database = Annotated[
    str, typer.Argument(metavar="DSN|CONFIG", help="A PostgreSQL DSN, or the gateway's TOML file that names one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")]


@app.command()
def status(database: Database, as_json: AsJson = False) -> None:
    """Which engine, how large, what is compressed, what waits, what happens next."""
    from datetime import UTC, datetime

    from gateway.db.status import read_status
    from gateway.errors import GatewayError

    dsn, storage = _database(database)
    try:
        found = read_status(dsn, storage, datetime.now(UTC))
    except GatewayError as error:
        fail(str(error), 2)
    if as_json:
        print_json(asdict(found))
        return
    extension = f", TimescaleDB {found.extension_version}" if found.extension_version else ""
    say(f"{found.engine} (PostgreSQL {found.server_version}{extension}), schema {found.newest_migration}")
    say(f"{found.database_bytes / 1e6:.1f} MB, generation {found.server_generation}")
    for one in found.series:
        about = "about " if one.rows_are_estimated else ""
        a_row = "" if one.bytes_a_row is None else f", {one.bytes_a_row:.0f} bytes a row"
        packed = f" ({one.compressed_parts} compressed)" if one.compressed_parts else ""
        say(f"  {one.table}: {about}{one.rows} rows in {one.parts} parts{packed}{a_row}, since {one.oldest or '-'}")
    for policy in found.policies:
        say(f"  next: {policy.table}: {policy.what}, {policy.next_at or 'soon'}")
    if found.notice:
        say(found.notice)


@app.command()
def backup(database: Database, file: Path, as_json: AsJson = False) -> None:
    """Write a consistent copy of the whole database to FILE; the gateway may go on running."""
    from gateway.db.backup import back_up
    from gateway.errors import GatewayError

    try:
        report = back_up(_dsn(database), file)
    except GatewayError as error:
        fail(str(error), 2)
    if as_json:
        print_json(asdict(report))
    else:
        say(f"{report.file}: {report.size_bytes} bytes in {report.duration_s:.1f} s, schema {report.newest_migration}")
        say("The keys of patients' names are not in it: keep a copy of [people] key_file, apart from this file.")


@app.command()
def restore(
    database: Database,
    file: Path,
    replace: Annotated[
        bool, typer.Option("--replace", help="Needed if the database holds rows already: they are gone afterwards.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring back what FILE holds. The edge nodes then send again what they still keep. Stop the gateway first."""
    from gateway.db.backup import holds_medtap
    from gateway.db.backup import restore as bring_back
    from gateway.errors import GatewayError

    dsn = _dsn(database)
    try:
        if not replace and holds_medtap(dsn):
            fail("the database holds medtap's tables: what is in them would be gone; say --replace if that is meant", 2)
        report = bring_back(dsn, file)
    except GatewayError as error:
        fail(str(error), 2)
    if as_json:
        print_json(asdict(report))
    else:
        say(f"restored {report.file} in {report.duration_s:.1f} s, schema {report.newest_migration}")
        say(_people_of(dsn, database))
        say("Start the gateway: the edge nodes send again what this backup does not have and they still keep.")


def _people_of(dsn: str, database: str) -> str:
    """Whether the patients that were brought back can be read with the keys that are here."""
    import psycopg

    from gateway.config import load
    from gateway.people.key_store import stored_without

    key_file = None if _is_dsn(database) else load(Path(database)).people.key_file
    with psycopg.connect(dsn) as connection:
        return stored_without(connection, key_file)


def _is_dsn(database: str) -> bool:
    return "=" in database or "://" in database


def _dsn(database: str) -> str:
    return _database(database)[0]


def _database(database: str) -> "tuple[str, StorageConfig]":
    """The DSN that was given, or the one in the configuration that was named; and how long rows stay how."""
    from gateway.config import StorageConfig, load
    from gateway.errors import GatewayError

    if _is_dsn(database):
        return database, StorageConfig()
    try:
        config = load(Path(database))
    except GatewayError as error:
        fail(str(error), 2)
    return config.dsn, config.storage
