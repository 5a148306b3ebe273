"""`medtap db`: the database's state, its backup and its restore."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from medtap.cli.output import fail, print_json, say

app = typer.Typer(no_args_is_help=True, help="The database: its backup and its restore.")

Database = Annotated[
    str, typer.Argument(metavar="DSN|CONFIG", help="A PostgreSQL DSN, or the gateway's TOML file that names one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")]


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
        say("Start the gateway: the edge nodes send again what this backup does not have and they still keep.")


def _dsn(database: str) -> str:
    """The DSN that was given, or the one in the configuration that was named."""
    from gateway.config import load
    from gateway.errors import GatewayError

    if "=" in database or "://" in database:
        return database
    try:
        return load(Path(database)).dsn
    except GatewayError as error:
        fail(str(error), 2)
