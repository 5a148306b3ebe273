"""From the codes that a person scans while counting to counted lines: each scan is a pack that stands there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from gateway.db.pool import Connection
from gateway.stock.books import place_account
from gateway.stock.errors import WorkRefusedError
from gateway.stock.packs import Pack, PackKey, read_packs
from gateway.stock.scanned_goods import refuse_doubtful
from gateway.stock.stocktake_lines import LineKey
from gateway.stock.stocktakes import CountedLine
from inventory.join import join_scans
from inventory.parsed_scan import ParsedScan
from inventory.scan import parse_scan


@dataclass(frozen=True)
class ScannedPack:
    """One pack, or so many alike, in one place."""

    place_id: str
    texts: tuple[str, ...]
    """The code as delivered; several are the symbols of one pack."""
    packs: int = 1
    """How many of them stand there; of a pack with a serial number always one."""


@dataclass
class _Tally:
    quantity: int = 0
    packs: list[PackKey] = field(default_factory=list)
    all_serialised: bool = True


def lines_of_scans(connection: Connection, scans: Sequence[ScannedPack], today: date) -> tuple[CountedLine, ...]:
    """One line for each lot in each place; the same serialised pack scanned twice is one pack.

    An opened pack that the books know counts as what is left in it by the books: look into it and count by hand where
    that is doubted.

    Raises:
        WorkRefusedError: a code not understood or doubtful, of no product, or with another lot than the books.
    """
    read = [(scan, _read(scan, today)) for scan in scans]
    units = _trade_items(connection, [parsed for _, parsed in read])
    keys = [(parsed.gtin or "", parsed.serial_number) for _, parsed in read if parsed.serial_number]
    known = read_packs(connection, sorted({(gtin, serial) for gtin, serial in keys if serial}))
    tallies: dict[LineKey, _Tally] = {}
    seen: set[PackKey] = set()
    for scan, parsed in read:
        gtin, serial_number = parsed.gtin or "", parsed.serial_number
        if gtin not in units:
            message = f"GTIN {gtin} is not in the catalogue: enter it first, or count by product and lot"
            raise WorkRefusedError("gtin_unknown", message, gtin=gtin)
        product_id, whole = units[gtin]
        account_id = place_account(connection, scan.place_id)
        if serial_number is None:
            tally = tallies.setdefault(LineKey(account_id, product_id, parsed.lot or ""), _Tally())
            tally.quantity += scan.packs * whole
            tally.all_serialised = False
            continue
        if (gtin, serial_number) in seen:
            continue
        seen.add((gtin, serial_number))
        pack = known.get((gtin, serial_number))
        tally = tallies.setdefault(LineKey(account_id, product_id, _lot(parsed, pack)), _Tally())
        tally.quantity += pack.units if pack is not None and pack.units else whole
        tally.packs.append((gtin, serial_number))
    return tuple(
        CountedLine(*key, tally.quantity, tuple(tally.packs) if tally.all_serialised else None)
        for key, tally in tallies.items()
    )


def _read(scan: ScannedPack, today: date) -> ParsedScan:
    if not scan.texts or scan.packs < 1 or not scan.place_id:
        message = f"scan of {scan.packs} packs, {len(scan.texts)} codes: expected at least one of each, and a place"
        raise WorkRefusedError("scan_empty", message)
    parsed = [parse_scan(text, today) for text in scan.texts]
    try:
        pack = parsed[0] if len(parsed) == 1 else join_scans(parsed, today)
    except ValueError as error:
        raise WorkRefusedError("codes_differ", str(error)) from None
    refuse_doubtful(pack)
    if pack.gtin is None:
        raise WorkRefusedError("no_product", "a scanned code can't be counted: it names no product")
    if pack.serial_number is not None and scan.packs != 1:
        message = f"pack {pack.serial_number!r} can't stand there {scan.packs} times: scan each pack"
        raise WorkRefusedError("pack_many_times", message, pack=pack.serial_number, count=scan.packs)
    return pack


def _lot(parsed: ParsedScan, pack: Pack | None) -> str:
    """A scan never blanks what is known."""
    if pack is None:
        return parsed.lot or ""
    if parsed.lot and parsed.lot != pack.lot:
        raise WorkRefusedError(
            "lot_mismatch",
            f"pack {parsed.serial_number!r}: the code says lot {parsed.lot!r}, the books {pack.lot!r}: look at it",
            code_lot=parsed.lot,
            books_lot=pack.lot,
        )
    return pack.lot


def _trade_items(connection: Connection, parsed: Sequence[ParsedScan]) -> dict[str, tuple[str, int]]:
    gtins = sorted({one.gtin for one in parsed if one.gtin})
    rows = connection.execute("SELECT gtin, product_id, units FROM trade_item WHERE gtin = ANY(%s)", (gtins,))
    return {str(row[0]): (str(row[1]), int(row[2])) for row in rows}
