"""`medtap card batch`: many cards one after the other, with a progress bar, interrupted anywhere, gone on with."""

import csv
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medtap.cli.card_station import (
    DEFAULT_FILE,
    AsJson,
    PcscdSocket,
    Pn532,
    ReaderName,
    StationFile,
    chosen_reader,
    enrolled,
    serve,
)
from medtap.cli.output import fail, print_json, say
from medtap.cli.stop_signal import stop_on_signals

if TYPE_CHECKING:
    from gateway.db.pool import Connection
    from gateway.issuing.requests import NewRequest
    from gateway.people.people import People

app = typer.Typer(no_args_is_help=True, help="Batches of cards: make one, go on with it, see how far it is.")

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="The gateway's TOML file.")]
Number = Annotated[int, typer.Argument(metavar="BATCH", help="The batch's number.")]
_COLUMNS = ("patient_number",)
_OPTIONAL = {"reason", "urgent", "note"}


@app.callback()
def batch() -> None:
    """Batches of cards: make one, go on with it, see how far it is."""


@app.command()
def create(
    config_file: ConfigFile,
    patients: Annotated[
        Path | None,
        typer.Argument(metavar="[PATIENTS.csv]", help="Columns patient_number, and if wanted reason, urgent, note."),
    ] = None,
    profile: Annotated[str, typer.Option(help="piv or ntag424.")] = "piv",
    title: Annotated[str, typer.Option(help="What people call the batch.")] = "",
    waiting: Annotated[bool, typer.Option("--waiting", help="All requests that wait already.")] = False,
    old_keys: Annotated[bool, typer.Option("--old-keys", help="All cards in use that have older keys.")] = False,
    by: Annotated[str, typer.Option(help="Username that the requests are made by.")] = "cli",
    as_json: AsJson = False,
) -> None:
    """Make a batch on the gateway's machine: from a list of patients, of waiting requests, or of cards to rekey."""
    import psycopg

    from gateway.config import load
    from gateway.errors import GatewayError

    if sum((patients is not None, waiting, old_keys)) != 1 or profile not in {"piv", "ntag424"}:
        fail("name one of PATIENTS.csv, --waiting and --old-keys, and a profile piv or ntag424", 2)
    try:
        config = load(config_file)
        with psycopg.connect(config.dsn) as connection:
            made = _made(connection, config, _Wanted(patients, profile, title, waiting, by))
    except GatewayError as error:
        fail(str(error), 2)
    except psycopg.OperationalError as error:
        fail(f"the database can't be reached: {error}; is PostgreSQL running, and is 'dsn' in {config_file} right?", 2)
    if as_json:
        print_json(made)
        return
    say(f"batch {made['number']}: {made['total']} cards; at the station: medtap card batch run {made['number']}")


class _Wanted:
    """What the batch is to be of."""

    def __init__(self, patients: Path | None, profile: str, title: str, waiting: bool, by: str) -> None:
        self.patients, self.profile, self.title, self.waiting, self.by = patients, profile, title, waiting, by


def _made(connection: "Connection", config: Any, wanted: _Wanted) -> dict[str, Any]:  # noqa: ANN401 - GatewayConfig
    from gateway.issuing import batches
    from gateway.issuing.doer import Doer
    from gateway.issuing.keyring import Keyring
    from gateway.issuing.requests import find_requests
    from gateway.people.key_store import keys_for
    from gateway.people.people import People

    doer = Doer(wanted.by, datetime.now(UTC))
    name = batches.BatchName(uuid.uuid4(), wanted.title)
    profile: Any = wanted.profile
    if wanted.patients is not None:
        people = People(keys_for(connection, config.people.key_file, doer.at), lambda: doer.at)
        asked = list(_read(connection, people, wanted.patients, profile))
        made = batches.make_new_batch(connection, name, asked, doer)
    elif wanted.waiting:
        ids = [one.request_id for one in find_requests(connection, limit=5000) if one.profile == profile]
        made = batches.make_batch_of_requests(connection, name, ids, doer)
    else:
        current = Keyring(config.issuing).secrets().current
        made = batches.make_rekey_batch(connection, name, profile, current, doer)
    return {"batch_id": str(made.batch_id), "number": made.batch_number, "kind": made.kind, "total": made.total}


def _read(connection: "Connection", people: "People", file: Path, profile: Any) -> "list[NewRequest]":  # noqa: ANN401
    """Every line, or none: what is wrong is said with its line."""
    from gateway.issuing.requests import REASONS, NewRequest

    try:
        rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        fail(f"{file}: {error}; expected a CSV file in UTF-8", 2)
    names = set(rows[0]) if rows else set()
    if not set(_COLUMNS) <= names or not names <= {*_COLUMNS, *_OPTIONAL}:
        fail(f"{file}: columns {sorted(names)}: expected patient_number, and if wanted reason, urgent, note", 2)
    found: list[NewRequest] = []
    for line, row in enumerate(rows, 2):
        patient = people.find_exact(connection, "patient_number", (row["patient_number"] or "").strip())
        reason: Any = (row.get("reason") or "first").strip()
        if patient is None or reason not in REASONS:
            what = f"reason {reason!r}" if patient else f"patient number {row['patient_number']!r}"
            fail(f"{file}, line {line}: {what} is not known; nothing was made", 2)
        urgent = (row.get("urgent") or "").strip().lower() in {"1", "yes", "true", "x", "có"}
        found.append(NewRequest(uuid.uuid4(), patient, profile, reason, urgent, row.get("note") or ""))
    return found


@app.command()
def run(
    number: Number,
    file: StationFile = DEFAULT_FILE,
    reader: ReaderName = "",
    pn532: Pn532 = None,
    pcscd_socket: PcscdSocket = "",
    as_json: AsJson = False,
) -> None:
    """Go on with a batch at this station: put one card after the other on the reader. Ctrl-C puts the batch off."""
    from medtap.card_station.enrolment import StationError, ask
    from medtap.card_station.screen import Screen

    enrolment = enrolled("", "", file)
    stop = stop_on_signals()
    screen = _EndingScreen(Screen(as_json=as_json), stop)
    try:
        state = ask(enrolment, "POST", f"/batches/{number}/begin")
        screen.inner.begin_batch(state)
        serve(enrolment, chosen_reader(reader, pn532, pcscd_socket), screen, stop)  # type: ignore[arg-type]
        state = ask(enrolment, "GET", f"/batches/{number}")
        if state["state"] == "running":
            state = ask(enrolment, "POST", f"/batches/{number}/pause")
    except StationError as error:
        fail(str(error), 2)
    if as_json:
        print_json({"what": "end", **state})
        return
    say(f"batch {number}: {state['done']} of {state['total']} done, {state['state']}")
    if state["state"] == "paused":
        say(f"go on with: medtap card batch resume {number}")


class _EndingScreen:
    """A screen that ends the station when the batch is finished."""

    def __init__(self, inner: Any, stop: Any) -> None:  # noqa: ANN401 - Screen and Event, imported when they are used
        self.inner = inner
        self._stop = stop

    def said(self, message: dict[str, Any]) -> None:
        self.inner.said(message)
        finished = self.inner.batch.get("state") in {"finished", "cancelled"}
        if finished and message.get("what") == "outcome":
            self._stop.set()

    def close(self) -> None:
        self.inner.close()


app.command("resume", help="As run: what is done stays done, a half-done card is gone on with.")(run)


@app.command()
def status(number: Number, file: StationFile = DEFAULT_FILE, as_json: AsJson = False) -> None:
    """How far a batch is."""
    from medtap.card_station.enrolment import StationError, ask

    try:
        state = ask(enrolled("", "", file), "GET", f"/batches/{number}")
    except StationError as error:
        fail(str(error), 2)
    if as_json:
        print_json(state)
        return
    say(f"batch {number}: {state['done']} of {state['total']} done, {state['skipped']} left out, {state['state']}")
