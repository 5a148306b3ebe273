"""`medtap hospital`: how papers name the hospital."""

from typing import Annotated

import typer

from medtap.cli.output import fail, print_json, say
from medtap.cli.stock import AsJson, Database, dsn_of

app = typer.Typer(no_args_is_help=True, help="What every printed paper says of the hospital.")
_LINES = (
    ("authority", "above it"),
    ("name", "name"),
    ("department", "department"),
    ("address", "address"),
)


@app.callback()
def hospital() -> None:
    """What every printed paper says of the hospital."""


@app.command()
def show(database: Database, as_json: AsJson = False) -> None:
    """Say what is printed at the head of papers and above signatures."""
    _run(database, {}, as_json=as_json)


@app.command("set")
def set_hospital(
    database: Database,
    authority: Annotated[str | None, typer.Option(help="Above the name, such as 'SỞ Y TẾ TP. HỒ CHÍ MINH'.")] = None,
    name: Annotated[str | None, typer.Option(help="Empty: the name of the place of kind `site`.")] = None,
    department: Annotated[str | None, typer.Option(help="Empty: Khoa Dược.")] = None,
    address: Annotated[str | None, typer.Option(help="Below the department; empty: none is printed.")] = None,
    title: Annotated[
        list[str] | None,
        typer.Option(help="Above signatures, 'USUAL=YOURS', such as 'Thủ kho=Thủ kho chính'; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given; what is left out stays as it is. The site file can say it too, in its part `hospital`."""
    given: dict[str, object] = {"authority": authority, "name": name, "department": department, "address": address}
    pairs = [one.partition("=") for one in title or []]
    wrong = next((usual for usual, equals, _ in pairs if not equals), None)
    if wrong is not None:
        fail(f"title {wrong!r}: expected the usual title, '=', and yours", 2)
    if pairs:
        given["signature_titles"] = {usual.strip(): yours.strip() for usual, _, yours in pairs}
    _run(database, given, as_json=as_json)


def _run(database: str, given: dict[str, object], *, as_json: bool) -> None:
    """Write what is given, and show what is printed then."""
    import psycopg
    import pydantic

    from gateway.services.hospital import Hospital, read_hospital, write_hospital

    try:
        wanted = Hospital.model_validate(given)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        fail(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg'].removeprefix('Value error, ')}", 2)
    try:
        with psycopg.connect(dsn_of(database), connect_timeout=10) as connection:
            if given:
                write_hospital(connection, wanted)
            known = read_hospital(connection)
    except psycopg.errors.UndefinedTable:
        fail("the database is older than this program: start the gateway once, so that it makes its tables", 2)
    except psycopg.Error as error:
        fail(f"the database can't be reached or written: {str(error).strip()}", 2)
    if as_json:
        print_json(known.model_dump())
        return
    for key, words in _LINES:
        say(f"{words + ':':<12} {getattr(known, key) or '-'}")
    for usual, yours in sorted((known.signature_titles or {}).items()):
        say(f"  {usual}: {yours}")
