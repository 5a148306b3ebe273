"""`medtap scan`: what a code says, and what to write on a tag; the same reading that the gateway does."""

import os
import sys
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated

import typer

from inventory.element_string import GS
from inventory.epc import encode_epc
from inventory.errors import CodeError, InventoryError
from inventory.join import join_scans
from inventory.parsed_scan import ParsedScan
from inventory.scan import parse_scan
from medtap.cli.output import fail, print_json, say

app = typer.Typer(no_args_is_help=True, help="Read codes from scanners, cameras, NFC and RFID; encode EPC.")


@app.callback()
def scan() -> None:
    """Read codes from scanners, cameras, NFC and RFID; encode EPC."""


@app.command()
def parse(
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT...",
            help="The code as delivered; epc:HEX and ndef:HEX for tags. Several are the symbols of one pack, joined.",
        ),
    ] = None,
    from_stdin: Annotated[
        bool, typer.Option("--stdin", help="One code a line in, one JSON object a line out.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    today: Annotated[
        str, typer.Option(help="YYYY-MM-DD: decides the century of two-digit years. Now, if absent.")
    ] = "",
    separator: Annotated[str, typer.Option(help="What the scanner sends in place of GS (ASCII 29).")] = GS,
) -> None:
    """Say what a code means. Exit status 0 if it is valid, 1 if it (or one of many) is not, 2 if asked wrongly."""
    if bool(texts) == from_stdin:
        raise typer.BadParameter("expected either a code or --stdin")
    if len(separator) != 1:
        raise typer.BadParameter(f"{separator!r}: expected one character", param_hint="--separator")
    day = _parse_day(today)
    if texts:
        found = _read_pack([parse_scan(_decode(os.fsencode(text)), day, separator=separator) for text in texts], day)
        if as_json:
            print_json(found.to_json_dict())
        else:
            _say_table(found)
        raise typer.Exit(0 if found.valid else 1)
    valid = True
    for line in _lines_of_stdin():
        found = parse_scan(line, day, separator=separator)
        print_json(found.to_json_dict())
        sys.stdout.flush()
        valid = valid and found.valid
    raise typer.Exit(0 if valid else 1)


@app.command("encode-epc")
def encode(
    uri: Annotated[str, typer.Argument(help="urn:epc:tag:..., urn:epc:id:..., or a GS1 Digital Link.")],
    filter_value: Annotated[int | None, typer.Option("--filter", min=0, max=7, help="Filter value.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say what to write into a tag's EPC memory, as hexadecimal digits in whole words of 16 bits."""
    try:
        hexadecimal = encode_epc(uri, filter_value)
    except CodeError as error:
        if not as_json:
            fail(error.message)
        print_json({"input": uri, "valid": False, "errors": [error.message], "hex": None})
        raise typer.Exit(1) from None
    if as_json:
        print_json({"input": uri, "valid": True, "errors": [], "hex": hexadecimal})
    else:
        say(hexadecimal)


def _read_pack(scans: list[ParsedScan], day: date) -> ParsedScan:
    """One code for itself; several judged together."""
    if len(scans) == 1:
        return scans[0]
    try:
        return join_scans(scans, day)
    except InventoryError as error:
        raise typer.BadParameter(str(error), param_hint="TEXT...") from None


def _parse_day(text: str) -> date:
    if not text:
        return datetime.now().astimezone().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}: expected a day as YYYY-MM-DD", param_hint="--today") from None


def _lines_of_stdin() -> Iterator[str]:
    """Lines without their ending. GS is no line ending here, though Python's str.splitlines takes it for one."""
    for line in sys.stdin.buffer:
        yield _decode(line.removesuffix(b"\n").removesuffix(b"\r"))


def _decode(content: bytes) -> str:
    """ISO 8859-1 only where the bytes are not UTF-8, so that none is lost, as the drivers do."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("iso-8859-1")


def _say_table(found: ParsedScan) -> None:
    rows: list[tuple[str, str]] = [("kind", found.kind), ("valid", "yes" if found.valid else "no")]
    rows += [("error", problem.message) for problem in found.errors]
    rows += [("warning", problem.message) for problem in found.warnings]
    rows += [(f"({element.ai})", element.value) for element in found.elements]
    skipped = {"input", "kind", "valid", "errors", "warnings", "elements"}
    rows += [(name, value) for name, value in found.to_json_dict().items() if name not in skipped and value is not None]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        say(f"{name:<{width}}  {value}")
