"""`medtap gateway people-keys` and `people-audit`: the keys of people's data, and whether its audit is as written."""

from pathlib import Path
from typing import Annotated

import typer

from medtap.cli.output import fail, print_json, say

app = typer.Typer(
    no_args_is_help=True, help="The keys that patients' names, numbers and emergency data are sealed with."
)
audit_app = typer.Typer(no_args_is_help=True, help="The audit of who read which patient.")

KeyFile = Annotated[Path, typer.Argument(help="The key file, [people] key_file of the gateway's configuration.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")]


@app.command()
def create(file: KeyFile) -> None:
    """Make new keys in FILE, for a hospital that has none yet; a file that exists is never overwritten."""
    from gateway.errors import GatewayError
    from gateway.people.keys import PeopleKeys, write_keys

    try:
        write_keys(file, PeopleKeys.create())
    except GatewayError as error:
        fail(str(error), 2)
    say(f"{file}: key 1. Without this file no patient can be read again.")
    say("Keep a copy apart from the backups of the database: who has both can read everybody.")


@app.command()
def rotate(file: KeyFile) -> None:
    """Add a new key to FILE, which seals everything from the gateway's next start on; the old ones stay in it.

    The running gateway goes on with the old one. Started again, it seals anew in the background what an older key
    sealed; `show --config` says how far it is.
    """
    from gateway.errors import GatewayError
    from gateway.people.keys import read_keys, write_keys

    try:
        keys = read_keys(file).rotated()
        write_keys(file, keys, replacing=True)
    except GatewayError as error:
        fail(str(error), 2)
    say(
        f"{file}: key {keys.current} is current. Copy the file to where its copy is kept, then start the gateway again."
    )


@app.command()
def show(
    file: KeyFile,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="The gateway's TOML file: say how much each key still seals.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which keys FILE has; with a configuration, how much of the database waits to be sealed with the current one."""
    import psycopg

    from gateway.config import load
    from gateway.errors import GatewayError
    from gateway.people.keys import read_keys
    from gateway.people.resealing import waiting

    left: dict[str, int] | None = None
    try:
        keys = read_keys(file)
        if config_file is not None:
            with psycopg.connect(load(config_file).dsn) as connection:
                left = waiting(connection, keys.current)
    except GatewayError as error:
        fail(str(error), 2)
    except psycopg.Error as error:
        fail(f"the database can't be asked: {error}", 2)
    if as_json:
        print_json({"current": keys.current, "keys": list(keys.key_ids()), "waiting": left})
        return
    say(f"{file}: keys {', '.join(map(str, keys.key_ids()))}; key {keys.current} is current")
    if left is not None:
        waits = ", ".join(f"{rows} of {table}" for table, rows in left.items() if rows)
        say(f"still sealed with an older key: {waits}" if waits else "everything is sealed with the current key")


@audit_app.command()
def verify(
    config_file: Annotated[Path, typer.Argument(help="The gateway's TOML file.")], as_json: AsJson = False
) -> None:
    """Compare every seal of the audit with its rows; exit code 1 if rows were changed outside the program."""
    from dataclasses import asdict

    import psycopg

    from gateway.config import load
    from gateway.errors import GatewayError
    from gateway.people.audit_chain import verify_audit
    from gateway.people.keys import PeopleKeyError, read_keys

    try:
        config = load(config_file)
        if config.people.key_file is None:
            raise PeopleKeyError("people.key_file is not set")
        keys = read_keys(config.people.key_file)
        with psycopg.connect(config.dsn) as connection:
            state = verify_audit(connection, keys)
    except GatewayError as error:
        fail(str(error), 2)
    except psycopg.Error as error:
        fail(f"the database can't be asked: {error}", 2)
    if as_json:
        print_json(asdict(state))
    elif state.broken is None:
        say(f"{state.sealed_rows} rows up to number {state.last_sealed_id} are as they were written")
    if state.broken is not None:
        fail(f"rows {state.broken.first_audit_id} to {state.broken.last_audit_id} were changed outside the program", 1)
