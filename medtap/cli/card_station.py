"""`medtap card station`: a reader of the issuing desk. It passes APDUs on and holds no key."""

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtap.cli.output import fail, say
from medtap.cli.stop_signal import stop_on_signals

if TYPE_CHECKING:
    from medtap.card_station.enrolment import Enrolment
    from medtap.card_station.readers import StationReader
    from medtap.card_station.screen import Screen

app = typer.Typer(no_args_is_help=True, help="A reader of the issuing desk, as a pipe between card and gateway.")

DEFAULT_FILE = Path("~/.config/medtap/card-station.json")
StationFile = Annotated[Path, typer.Option("--file", help="Where the station keeps what lets it in.")]
Gateway = Annotated[str, typer.Option(help="Its address; read from the link, if absent.")]
Link = Annotated[str, typer.Option(help="One-time link, from the gateway's page Cards, Stations. Only the first time.")]
ReaderName = Annotated[str, typer.Option(help="Part of the PC/SC reader's name; the first with a card, if absent.")]
Pn532 = Annotated[Path | None, typer.Option(help="Serial device of a PN532, instead of PC/SC.")]
PcscdSocket = Annotated[str, typer.Option(help="Socket of a pcscd other than the system's.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for each thing that is said.")]


@app.callback()
def station() -> None:
    """A reader of the issuing desk, as a pipe between card and gateway."""


@app.command()
def run(
    gateway: Gateway = "",
    link: Link = "",
    file: StationFile = DEFAULT_FILE,
    reader: ReaderName = "",
    pn532: Pn532 = None,
    pcscd_socket: PcscdSocket = "",
    as_json: AsJson = False,
) -> None:
    """Serve the reader until Ctrl-C. What to do with a card is decided on the gateway's pages."""
    from medtap.card_station.screen import Screen

    enrolment = enrolled(gateway, link, file)
    if not as_json:
        say(f"station {enrolment.name!r} at {enrolment.gateway}")
    serve(enrolment, chosen_reader(reader, pn532, pcscd_socket), Screen(as_json=as_json), stop_on_signals())


def enrolled(gateway: str, link: str, file: Path) -> "Enrolment":
    """By the link, or as it was kept."""
    from medtap.card_station.enrolment import StationError, enrol, read_enrolment

    path = file.expanduser()
    try:
        return enrol(gateway, link, path) if link else read_enrolment(path)
    except StationError as error:
        fail(str(error), 2)


def chosen_reader(reader: str, pn532: Path | None, pcscd_socket: str) -> "StationReader":
    """PN532 where one is named, else PC/SC."""
    from medtap.card_station.readers import PcscStationReader, Pn532StationReader

    return PcscStationReader(reader, pcscd_socket) if pn532 is None else Pn532StationReader(pn532)


def serve(enrolment: "Enrolment", reader: "StationReader", screen: "Screen", stop: threading.Event) -> None:
    """Until `stop`, or until the gateway lets the station in no more."""
    from medtap.card_station.enrolment import StationError
    from medtap.card_station.station import Station

    logging.basicConfig(level="WARNING", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        Station(enrolment, reader, screen.said).run(stop)
    except StationError as error:
        screen.close()
        fail(str(error), 2)
    finally:
        screen.close()
