"""`medtap stock`: the warehouse's books."""

from pathlib import Path
from typing import Annotated

import typer

from medtap.cli.output import fail, print_json, say

app = typer.Typer(no_args_is_help=True, help="The warehouse: is every tablet in the books, and who moved it?")

Database = Annotated[
    str,
    typer.Argument(
        metavar="DSN|CONFIG",
        envvar="MEDTAP_GATEWAY_DSN",
        help="A PostgreSQL DSN, or the gateway's TOML file that names one.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")]


@app.callback()
def stock() -> None:
    """The warehouse: is every tablet in the books, and who moved it?"""


@app.command()
def verify(database: Database, as_json: AsJson = False) -> None:
    """Prove the books from the movements: nothing appeared, vanished or went below zero, and each leads to somebody.

    The sums by day and week, of which the pages over time are made, are proven with them. Reads only, from one instant,
    and may run while the gateway does; what it is at is said on standard error. Exit code 1 if the books are not right:
    then the examples say which account, lot, movement or pack. Nothing is repaired: a person finds out what happened,
    and books the correction.
    """
    from dataclasses import asdict

    import psycopg

    from gateway.stock.series import settled_day_sums
    from gateway.stock.verify import verify_books

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    try:
        with psycopg.connect(dsn_of(database), connect_timeout=10) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            proof = verify_books(connection, tell)
            tell("sums by day and week")
            sums = settled_day_sums(connection, tell)
    except psycopg.errors.UndefinedTable:
        fail("the database has no stock books: start the gateway once, so that it makes its tables", 2)
    except psycopg.Error as error:
        fail(f"the database can't be read: {str(error).strip()}", 2)
    ok = proof.ok and sums.ok
    if as_json:
        print_json({"ok": ok, **asdict(proof), "day_sum_differences": sums.differences})
    else:
        say(f"{proof.movements} movements; their postings sum to {proof.postings_sum}")
        say(f"  {proof.projection_differences} balances differ from replay, {proof.negative_balances} are below zero")
        say(f"  {proof.untraceable} movements can't be traced, {proof.misplaced_packs} packs are misplaced,")
        say(f"  {proof.faults} other faults; {proof.without_person} scans were made with nobody signed on")
        say(f"  {sums.differences} sums by day or week differ from the postings")
        for example in proof.examples:
            say(f"  {example}")
        say("The books are right." if ok else "The books are NOT right.")
    if not ok:
        raise typer.Exit(1)


def dsn_of(database: str) -> str:
    """The DSN that was given, or the one in the configuration that was named."""
    from gateway.config import load
    from gateway.errors import GatewayError

    if "=" in database or "://" in database:
        return database
    try:
        return load(Path(database)).dsn
    except GatewayError as error:
        fail(str(error), 2)
