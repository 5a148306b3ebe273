"""`medtap label`: labels for packs, patients and shelves, as ZPL text or straight to a network printer."""

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import typer

from inventory.errors import CodeError
from inventory.pack_identity import InternalIdentity, PackIdentity
from inventory.zpl import SWISS_721, LabelError, Media
from inventory.zpl_label import (
    Controlled,
    DispenseLabel,
    PackLabel,
    ShelfLabel,
    Storage,
    dispense_label,
    font_label,
    pack_label,
    shelf_label,
)
from medtap.cli.output import fail, say

app = typer.Typer(no_args_is_help=True, help="Print labels: packs (GS1 DataMatrix), patients, shelves.")

Printer = Annotated[str, typer.Option(help="Network printer, host or host:port (9100 if absent).")]
AsZpl = Annotated[bool, typer.Option("--zpl", help="Write the ZPL to standard output; print nothing.")]
Size = Annotated[str, typer.Option(help="Label, width x height in mm.")]
Dpi = Annotated[int, typer.Option(help="Resolution of the printer's head: 203 or 300.")]
Font = Annotated[str, typer.Option(help="A font in the printer with Vietnamese letters (see: medtap label test).")]
Copies = Annotated[int, typer.Option(help="So many equal labels.")]
StorageName = Annotated[Literal["", "room", "cool", "fridge", "freezer"], typer.Option(help="Storage class.")]
ControlledName = Annotated[
    Literal["", "narcotic", "psychotropic", "precursor"], typer.Option(help="Under special control.")
]
_DOTS = {203: 8, 300: 12}


@app.command("print")
def print_pack(
    gtin: Annotated[str, typer.Option(help="8, 12, 13 or 14 digits.")] = "",
    product_id: Annotated[str, typer.Option(help="The hospital's own code, for a product without GTIN.")] = "",
    name: Annotated[str, typer.Option(help="Name of the product, in Vietnamese.")] = "",
    lot: Annotated[str, typer.Option(help="Lot, up to 20 characters.")] = "",
    expiry: Annotated[str, typer.Option(help="Expiry date, YYYY-MM-DD.")] = "",
    serial: Annotated[str, typer.Option(help="Serial number, up to 20 characters; one label only.")] = "",
    storage: StorageName = "",
    protect_from_light: Annotated[bool, typer.Option("--protect-from-light", help="Must be kept dark.")] = False,
    controlled: ControlledName = "",
    copies: Copies = 1,
    size: Size = "50x30",
    dpi: Dpi = 203,
    font: Font = SWISS_721,
    printer: Printer = "",
    as_zpl: AsZpl = False,
) -> None:
    """A label for a pack: GS1 DataMatrix (01)(17)(10)(21), the same in brackets, name, expiry, lot, how to keep it."""
    if serial and copies != 1:
        raise typer.BadParameter("a serial number is one pack's: expected 1", param_hint="--copies")
    if bool(gtin) == bool(product_id):
        raise typer.BadParameter("expected either --gtin or --product-id")
    identity: PackIdentity | InternalIdentity
    try:
        if gtin:
            identity = PackIdentity(gtin, lot, _day(expiry), serial)
        else:
            identity = InternalIdentity(product_id, lot, _day(expiry), serial)
        label = PackLabel(
            identity=identity,
            name_vi=name,
            storage=Storage[storage.upper()] if storage else None,
            protect_from_light=protect_from_light,
            controlled=Controlled[controlled.upper()] if controlled else None,
        )
        zpl = pack_label(label, _media(size, dpi, font), copies)
    except (CodeError, LabelError) as error:
        fail(str(error), 2)
    _deliver(zpl, printer, as_zpl)


@app.command("dispense")
def print_dispensing(
    hospital: Annotated[str, typer.Option(help="Name of the hospital.")],
    patient: Annotated[str, typer.Option(help="Name of the patient.")],
    patient_number: Annotated[str, typer.Option(help="The hospital's number of the patient.")],
    name: Annotated[str, typer.Option(help="Name of the product, in Vietnamese.")],
    quantity: Annotated[str, typer.Option(help='With its unit: "20 viên".')],
    instructions: Annotated[str, typer.Option(help="How to take it.")],
    person: Annotated[str, typer.Option(help="Who dispenses.")],
    dispensed_on: Annotated[str, typer.Option("--date", help="YYYY-MM-DD; today, if absent.")] = "",
    gtin: Annotated[str, typer.Option(help="For the code; none without it.")] = "",
    lot: Annotated[str, typer.Option(help="Lot.")] = "",
    expiry: Annotated[str, typer.Option(help="Expiry date, YYYY-MM-DD.")] = "",
    copies: Copies = 1,
    size: Size = "70x40",
    dpi: Dpi = 203,
    font: Font = SWISS_721,
    printer: Printer = "",
    as_zpl: AsZpl = False,
) -> None:
    """A label for what one patient is given: who, what, how much, how to take it."""
    try:
        label = DispenseLabel(
            hospital=hospital,
            patient_name=patient,
            patient_number=patient_number,
            name_vi=name,
            quantity=quantity,
            instructions=instructions,
            dispensed_on=_day(dispensed_on) or date.today(),  # noqa: DTZ011 - the day on the wall of this machine
            dispensed_by=person,
            identity=PackIdentity(gtin, lot, _day(expiry)) if gtin else None,
            lot=lot,
            expiry_date=_day(expiry),
        )
        zpl = dispense_label(label, _media(size, dpi, font), copies)
    except (CodeError, LabelError) as error:
        fail(str(error), 2)
    _deliver(zpl, printer, as_zpl)


@app.command("shelf")
def print_shelf(
    place: Annotated[str, typer.Option(help="Name of the place, in Vietnamese.")],
    code: Annotated[str, typer.Option(help="Code of the place.")],
    gtin: Annotated[str, typer.Option(help="Product that belongs there; its Digital Link becomes the code.")] = "",
    link: Annotated[str, typer.Option(help="Another web address for the code.")] = "",
    stem: Annotated[str, typer.Option(help="Scheme and host of the Digital Link.")] = "https://id.gs1.org",
    product: Annotated[str, typer.Option(help="Name of the product.")] = "",
    symbol: Annotated[Literal["qr", "datamatrix"], typer.Option(help="Kind of code.")] = "qr",
    storage: StorageName = "",
    controlled: ControlledName = "",
    copies: Copies = 1,
    size: Size = "70x30",
    dpi: Dpi = 203,
    font: Font = SWISS_721,
    printer: Printer = "",
    as_zpl: AsZpl = False,
) -> None:
    """A label for a shelf: place, product, and a code that says which."""
    if bool(gtin) == bool(link):
        raise typer.BadParameter("expected either --gtin or --link")
    try:
        label = ShelfLabel(
            place_vi=place,
            place_code=code,
            link=link or PackIdentity(gtin).digital_link(stem),
            product_vi=product,
            symbol=symbol,
            storage=Storage[storage.upper()] if storage else None,
            controlled=Controlled[controlled.upper()] if controlled else None,
        )
        zpl = shelf_label(label, _media(size, dpi, font), copies)
    except (CodeError, LabelError) as error:
        fail(str(error), 2)
    _deliver(zpl, printer, as_zpl)


@app.command("test")
def print_test(
    size: Size = "70x40", dpi: Dpi = 203, font: Font = SWISS_721, printer: Printer = "", as_zpl: AsZpl = False
) -> None:
    """All Vietnamese letters: look whether the printer's font has them before trusting it with names."""
    try:
        zpl = font_label(_media(size, dpi, font))
    except LabelError as error:
        fail(str(error), 2)
    _deliver(zpl, printer, as_zpl)


@app.command("simulate")
def simulate(
    directory: Annotated[Path, typer.Argument(help="Where the pictures go.")],
    port: Annotated[int, typer.Option(help="TCP port on 127.0.0.1; 0 for a free one.")] = 9100,
    size: Size = "50x30",
    dpi: Dpi = 203,
) -> None:
    """A label printer that prints to PNG files, until SIGTERM or Ctrl-C."""
    from medtap.cli.stop_signal import stop_on_signals

    try:
        from firmware_sim.label_printer import LabelPrinter
    except ImportError as error:
        fail(f"the simulated printer needs {error.name!r}, which is not here: pip install 'medtap[demo]'", 2)
    media = _media(size, dpi, SWISS_721)
    directory.mkdir(parents=True, exist_ok=True)
    stop = stop_on_signals()
    try:
        printer = LabelPrinter(media.dots(media.width_mm), media.dots(media.height_mm), directory, port)
    except OSError as error:
        fail(f"port {port}: {error.strerror}; take another with --port")
    with printer:
        say(f"label printer on 127.0.0.1:{printer.port}, pictures in {directory}")
        stop.wait()


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}: expected a day as YYYY-MM-DD") from None


def _media(size: str, dpi: int, font: str) -> Media:
    width, _, height = size.partition("x")
    try:
        measures = float(width), float(height)
    except ValueError:
        raise typer.BadParameter(f"{size!r}: expected such as 50x30", param_hint="--size") from None
    if dpi not in _DOTS:
        raise typer.BadParameter(f"{dpi}: expected 203 or 300", param_hint="--dpi")
    try:
        return Media(*measures, dots_per_mm=8 if dpi == 203 else 12, font=font)  # noqa: PLR2004 - checked above
    except LabelError as error:
        raise typer.BadParameter(str(error)) from None


def _deliver(zpl: str, printer: str, as_zpl: bool) -> None:
    """To standard output or to the printer: one of them was asked for."""
    from gateway.printing.raw_tcp import PrinterAddress, PrinterUnreachableError, send_zpl

    if as_zpl == bool(printer):
        raise typer.BadParameter("expected either --printer host:port or --zpl")
    if as_zpl:
        sys.stdout.write(zpl)
        return
    try:
        address = PrinterAddress.parse(printer)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--printer") from None
    try:
        send_zpl(address, zpl)
    except PrinterUnreachableError as error:
        fail(str(error))
    say(f"sent to {address}")
