"""`medtap stock import`: a catalogue file into the database, every problem listed by row before it is written."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from medtap.cli.output import fail, print_json, say

if TYPE_CHECKING:
    from gateway.api.stock_catalogue import ImportAnswer
    from inventory.catalogue_columns import ImportKind

_LINES_SHOWN = 200
_KINDS = ("products", "lots", "places", "levels", "opening-stock")


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, or an Excel workbook (.xlsx).")],
    kind: Annotated[str, typer.Option(help=f"What its rows are: {', '.join(_KINDS)}.")],
    database: Annotated[
        str,
        typer.Option(
            metavar="DSN|CONFIG",
            envvar="MEDTAP_GATEWAY_DSN",
            help="A PostgreSQL DSN, or the gateway's TOML file that names one.",
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change and write nothing.")] = False,
    person: Annotated[str, typer.Option(help="Who does it, for the audit. Your account name, if absent.")] = "",
    language: Annotated[str, typer.Option(help="vi or en: in which language problems are told.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """Import products, lots, places, levels or opening stock: the whole file or nothing.

    Exit status 0 if it was (or with --dry-run could be) imported, 1 if rows are wrong, 2 if asked wrongly.
    """
    if kind not in _KINDS:
        raise typer.BadParameter(f"--kind {kind!r}: expected one of {', '.join(_KINDS)}")
    if language not in {"vi", "en"}:
        raise typer.BadParameter(f"--language {language!r}: expected vi or en")
    answer = _import(
        database,
        file,
        cast("ImportKind", kind),
        person or getpass.getuser(),
        cast("Literal['vi', 'en']", language),
        dry_run=dry_run,
    )
    if as_json:
        print_json(answer.model_dump(mode="json"))
    else:
        _say(answer)
    raise typer.Exit(0 if answer.problems == 0 else 1)


def _import(
    database: str, file: Path, kind: "ImportKind", person: str, language: Literal["vi", "en"], *, dry_run: bool
) -> "ImportAnswer":
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    import psycopg

    from gateway.api.stock_catalogue import answer_of
    from gateway.config import load
    from gateway.errors import GatewayError
    from gateway.pages.speech import Speech
    from gateway.pages.translations import read_catalogue
    from gateway.stock.catalogue_import import ImportRequest, import_catalogue
    from gateway.stock.lines import HOSPITAL_ZONE

    try:
        data = file.read_bytes()
    except OSError as error:
        fail(f"{str(file)!r} can't be read: {error}", 2)
    try:
        config = None if "=" in database or "://" in database else load(Path(database))
        zone = ZoneInfo(config.time_zone) if config is not None else HOSPITAL_ZONE
        request = ImportRequest(kind, data, file.name, person, datetime.now(UTC), "cli", dry_run, zone)
        with psycopg.connect(config.dsn if config is not None else database) as connection:
            report = import_catalogue(connection, request)
    except (GatewayError, psycopg.Error) as error:
        fail(f"the database could not take it: {error}", 2)
    return answer_of(report, Speech(read_catalogue(language), zone))


def _say(answer: "ImportAnswer") -> None:
    say(f"{answer.file_name}: {answer.read_as or 'not read'}, {answer.rows} rows")
    for finding in answer.findings[:_LINES_SHOWN]:
        where = f"row {finding.row}" if finding.row else "file"
        where += f", {finding.column}" if finding.column else ""
        value = f" {finding.value!r}:" if finding.value else ""
        sign = "!" if finding.severity == "problem" else "?"
        say(f"  {sign} {where}:{value} {finding.expected} {finding.mend}")
    for outcome in answer.outcomes[:_LINES_SHOWN]:
        changes = "; ".join(f"{one.field}: {one.old or '-'} -> {one.new or '-'}" for one in outcome.changes)
        say(f"  row {outcome.row}, {outcome.key}: {outcome.verdict}{' (' + changes + ')' if changes else ''}")
    hidden = max(0, len(answer.findings) - _LINES_SHOWN) + max(0, len(answer.outcomes) - _LINES_SHOWN)
    if hidden:
        say(f"  ... {hidden} more: --json has all findings")
    what = "written" if answer.written else "nothing written"
    say(
        f"{answer.new} new, {answer.changed} changed, {answer.same} as before, {answer.problems} problems,"
        f" {answer.hints} hints: {what}"
    )
