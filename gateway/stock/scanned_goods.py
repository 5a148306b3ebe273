"""From a code that a person scans or types at work to goods: which product, lot and pack it names."""

from dataclasses import dataclass
from datetime import date

from gateway.db.pool import Connection
from gateway.stock.errors import WorkRefusedError
from gateway.stock.packs import Pack, read_packs
from inventory.pack_identity import INTERNAL_EXPIRY, INTERNAL_LOT, INTERNAL_PRODUCT
from inventory.parsed_scan import ParsedScan
from inventory.scan import parse_scan

_DAY_DIGITS = 6


@dataclass(frozen=True)
class ScannedGoods:
    """What a code names, as far as it does."""

    product_id: str
    lot: str | None
    """None: the code names none, and the books do not know the pack."""
    expiry_date: date | None
    gtin: str | None
    serial_number: str | None
    units: int | None
    """Base units of the pack, or what is left in it by the books; None: unknown."""
    pack: Pack | None
    """Where the books have it."""


def read_goods(connection: Connection, text: str, today: date) -> ScannedGoods:
    """Understand a scanned code, or the hospital's own code of a product as somebody types it.

    Raises:
        WorkRefusedError: it can't be understood, is doubtful, or names nothing of the catalogue.
    """
    typed = " ".join(text.split())
    row = connection.execute("SELECT product_id FROM product WHERE product_id = %s", (typed,)).fetchone()
    parsed = parse_scan(text, today)
    if row is not None and not (parsed.valid and parsed.gtin is not None and _knows(connection, parsed.gtin)):
        return ScannedGoods(str(row[0]), None, None, None, None, None, None)
    refuse_doubtful(parsed)
    if parsed.gtin is None:
        return _internal(connection, parsed)
    item = connection.execute("SELECT product_id, units FROM trade_item WHERE gtin = %s", (parsed.gtin,)).fetchone()
    if item is None:
        message = f"GTIN {parsed.gtin} is not in the catalogue: enter it first"
        raise WorkRefusedError("gtin_unknown", message, gtin=parsed.gtin)
    pack = None
    if parsed.serial_number is not None:
        key = (parsed.gtin, parsed.serial_number)
        pack = read_packs(connection, [key]).get(key)
    if pack is not None and parsed.lot and parsed.lot != pack.lot:
        message = f"pack {parsed.serial_number!r}: the code says lot {parsed.lot!r}, the books {pack.lot!r}: look at it"
        raise WorkRefusedError("lot_mismatch", message, code_lot=parsed.lot, books_lot=pack.lot)
    dates = [one for one in (parsed.expiry_date, pack.expiry_date if pack else None) if one is not None]
    return ScannedGoods(
        product_id=str(item[0]),
        lot=pack.lot if pack is not None else parsed.lot,
        expiry_date=min(dates, default=None),
        gtin=parsed.gtin,
        serial_number=parsed.serial_number,
        units=pack.units if pack is not None and pack.units else int(item[1]),
        pack=pack,
    )


def _knows(connection: Connection, gtin: str) -> bool:
    return connection.execute("SELECT FROM trade_item WHERE gtin = %s", (gtin,)).fetchone() is not None


def refuse_doubtful(parsed: ParsedScan) -> None:
    """What can't be understood, or not surely, is no pack.

    Raises:
        WorkRefusedError: `unreadable` or `doubtful`.
    """
    if not parsed.valid:
        reason = "; ".join(problem.message for problem in parsed.errors)[:500]
        first = parsed.errors[0].code if parsed.errors else ""
        raise WorkRefusedError("unreadable", f"the code can't be understood: {reason}", problem=first)
    doubt = next((problem.message for problem in parsed.warnings if problem.code == "separator_lost"), None)
    if doubt is not None:
        raise WorkRefusedError("doubtful", f"the code is doubtful: {doubt}", problem="separator_lost")


def _internal(connection: Connection, parsed: ParsedScan) -> ScannedGoods:
    """A label of our own: article code, lot and expiry."""
    found = {element.ai: element.value for element in parsed.elements}
    product_id = found.get(INTERNAL_PRODUCT)
    row = connection.execute("SELECT product_id FROM product WHERE product_id = %s", (product_id,)).fetchone()
    if row is None:
        raise WorkRefusedError("no_product", f"a code of kind {parsed.kind} names no product of the catalogue")
    return ScannedGoods(
        str(row[0]), found.get(INTERNAL_LOT), _day(found.get(INTERNAL_EXPIRY, "")), None, None, None, None
    )


def _day(digits: str) -> date | None:
    """YYMMDD of a label of our own; None if it is none."""
    if len(digits) != _DAY_DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError:
        return None
