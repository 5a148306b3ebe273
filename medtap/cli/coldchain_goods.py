"""`medtap coldchain pack|lot|simulate`: what goods went through by the gateway's books, and a month of many fridges."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from medtap.cli.output import fail, print_json, say
from medtap.cli.stock import Database, dsn_of

if TYPE_CHECKING:
    from gateway.cold_chain.thermal_history import Leg, ThermalHistory
    from gateway.db.pool import Connection

_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_BAD_INPUT = 2

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object.")]
PdfOption = Annotated[Path | None, typer.Option("--pdf", help="Write the sheet to this file, in Vietnamese.")]


def simulate(
    days: Annotated[int, typer.Option(min=1, max=366, help="How long.")] = 30,
    fridges: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed is the same month.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Let many fridges go through doors, defrosts and faults; say how often somebody is woken and what was missed.

    Exit status 1 if an excursion that alarmed was not paged.
    """
    from medtap.bench.fridge_month import simulate as simulate_month

    found = simulate_month(days, fridges, seed)
    if as_json:
        print_json(found)
    else:
        say(
            f"{found['fridges']} fridges, {found['days']} days: {found['pages']} pages,"
            f" {found['pages_per_shift_median']:g} a shift (median), at most {found['pages_per_shift_most']};"
            f" {found['matured']} excursions alarmed, {found['matured_unpaged']} of them unpaged"
        )
        say(f"covers {found['covers']}")
    if found["matured_unpaged"]:
        raise typer.Exit(1)


def pack(
    code: Annotated[str, typer.Argument(help="A pack's code as a scanner reads it, or GTIN/SERIAL.")],
    database: Database,
    pdf: PdfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a pack went through, from the receipt to now. Exit status 2 if the books don't know it."""
    from gateway.cold_chain import thermal_history
    from gateway.stock.errors import WorkRefusedError
    from gateway.stock.scanned_goods import read_goods
    from inventory.errors import InventoryError

    with _connected(database) as connection:
        gtin, _, serial_number = code.partition("/")
        try:
            if not (gtin.isdigit() and serial_number):
                goods = read_goods(connection, code, datetime.now(_ZONE).date())
                gtin, serial_number = goods.gtin or "", goods.serial_number or ""
        except (WorkRefusedError, InventoryError) as error:
            fail(str(error), _BAD_INPUT)
        found = thermal_history.of_pack(connection, gtin, serial_number, datetime.now(UTC))
        _tell(connection, found, f"no pack {gtin}/{serial_number} in the books", pdf, as_json=as_json)


def lot(
    product_id: Annotated[str, typer.Argument(help="The hospital's code of the product.")],
    lot_number: Annotated[str, typer.Argument(metavar="LOT", help="The lot.")],
    database: Database,
    pdf: PdfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what the units of a lot went through at worst. Exit status 2 if the books don't know it."""
    from gateway.cold_chain import thermal_history

    with _connected(database) as connection:
        found = thermal_history.of_lot(connection, product_id, lot_number, datetime.now(UTC))
        _tell(connection, found, f"no lot {lot_number!r} of {product_id!r} in the books", pdf, as_json=as_json)


def packs(database: Database, as_json: JsonOption = False) -> None:
    """Say of all packs of the house which went through too much: worked out once for each way they took together."""
    from time import monotonic

    from gateway.cold_chain import many_packs

    begun = monotonic()
    with _connected(database) as connection:
        found = list(many_packs.ways(connection, datetime.now(UTC)))
    looked_at = [way for way in found if way.advice.advice != "release"]
    summary = {
        "packs": sum(len(way.packs) for way in found),
        "ways": len(found),
        "seconds": round(monotonic() - begun, 3),
        "to_look_at": [
            {
                "product_id": way.product_id,
                "lot": way.lot,
                "packs": [f"{gtin}/{serial}" for gtin, serial in way.packs],
                "minutes_above": way.exposure.minutes_above,
                "minutes_below": way.exposure.minutes_below,
                "minutes_unknown": way.exposure.minutes_unknown,
                "minutes_left": way.minutes_left,
                "advice": way.advice.advice,
                "ground": way.advice.ground,
            }
            for way in looked_at
        ],
    }
    if as_json:
        print_json(summary)
        return
    say(f"{summary['packs']} packs took {summary['ways']} ways; worked out in {summary['seconds']} s")
    for way in looked_at:
        say(
            f"{way.product_id} lot {way.lot}, {len(way.packs)} packs: {way.exposure.minutes_above:g} min above,"
            f" {way.exposure.minutes_below:g} below, {way.exposure.minutes_unknown:g} unknown:"
            f" {way.advice.advice} ({way.advice.ground})"
        )


def _connected(database: str) -> "Connection":
    import psycopg

    try:
        return psycopg.connect(dsn_of(database), connect_timeout=10)
    except psycopg.Error as error:
        fail(f"the database can't be reached: {error}")


def _tell(
    connection: "Connection", found: "ThermalHistory | None", missing: str, pdf: Path | None, *, as_json: bool
) -> None:
    if found is None:
        fail(missing, _BAD_INPUT)
    if pdf is not None:
        from gateway.cold_chain.papers import history_paper
        from gateway.reports.thermal_history_paper import history_pdf
        from gateway.stock.letterhead import letterhead_of

        head = letterhead_of(connection, datetime.now(_ZONE), "medtap")
        pdf.write_bytes(history_pdf(history_paper(connection, found, _ZONE), head))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    for leg in found.legs:
        say(_leg(leg))
    total = found.total
    left = "no allowance in the catalogue" if found.minutes_left is None else f"{found.minutes_left:g} min left"
    mkt = "unknown" if total.mkt_celsius is None else f"{total.mkt_celsius:.2f} °C"
    say(
        f"in all {total.minutes_above:g} min above, {total.minutes_below:g} min below, {total.minutes_unknown:g} min"
        f" unknown; mean kinetic temperature {mkt}; {left}; advice: {found.advice} ({found.ground})"
    )


def _leg(leg: "Leg") -> str:
    until = "now" if leg.until_at is None else leg.until_at.astimezone(_ZONE).isoformat(timespec="minutes")
    return (
        f"{leg.from_at.astimezone(_ZONE).isoformat(timespec='minutes')} to {until}: {leg.account_id} ({leg.source}),"
        f" {leg.figures.minutes_above:g} min above, {leg.figures.minutes_below:g} below,"
        f" {leg.figures.minutes_unknown:g} unknown"
    )
