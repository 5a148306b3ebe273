"""From codes to goods: which product, lot and pack they name. The one reader, for scanners at edge nodes and for pages.

`understand` judges what codes say together against the catalogue and the books; `read_symbols` does it for what a page
was given, which may also be an article code that somebody typed; `read_goods` refuses what names no goods. Nothing is
booked here. The rules of codes are `inventory`'s, and those of dates hold on the hospital's own labels too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from gateway.db.pool import Connection
from gateway.services.scanning_device import PERSONAL_KINDS, read_code
from gateway.stock.catalogue import find_exactly
from gateway.stock.errors import WorkRefusedError
from gateway.stock.own_labels import OwnLabel, own_label
from gateway.stock.packs import Pack, read_packs
from inventory.element_string import GS
from inventory.errors import InventoryError
from inventory.join import join_scans
from inventory.pack_identity import INTERNAL_LOT
from inventory.parsed_scan import ParsedScan

Verdict = Literal["goods", "unreadable", "doubtful", "no_product", "unknown_product", "person", "transport_label"]


@dataclass(frozen=True)
class ScannedGoods:
    """What codes name, as far as they do."""

    product_id: str
    lot: str | None
    """None: no code names one, and the books do not know the pack."""
    expiry_date: date | None
    """The earliest that the codes or the books say of the pack."""
    gtin: str | None
    serial_number: str | None
    units: int | None
    """Base units of the pack, or what is left in it by the books; None: the code says no quantity."""
    pack: Pack | None
    """Where the books have it."""
    code_lot: str | None = None
    """What the code itself says, where the books have the pack with another lot."""
    contains_gtin: str | None = None
    contains_count: int | None = None
    """Of a case: how many of which smaller pack."""
    label: OwnLabel | None = None
    """One of the hospital's own."""


@dataclass(frozen=True)
class Scanned:
    """What was scanned or typed."""

    verdict: Verdict
    goods: ScannedGoods | None = None
    """With the verdict `goods`."""
    parsed: ParsedScan | None = None
    """What the codes say together; None: of a person's card, and of what was typed."""
    problems: tuple[tuple[str, str], ...] = ()
    """(code, English sentence) of what is wrong."""


def understand(connection: Connection, parsed: ParsedScan, today: date) -> Scanned:
    """What codes say, judged together: of a pack or case, or the hospital's own label."""
    if parsed.kind in PERSONAL_KINDS:
        return Scanned("person")
    if not parsed.valid or parsed.gtin is None:
        return _without_gtin(connection, parsed, today)
    doubts = tuple((one.code, one.message) for one in parsed.warnings if one.code == "separator_lost")
    if doubts:
        return Scanned("doubtful", parsed=parsed, problems=doubts)
    item = connection.execute(
        "SELECT product_id, units, contains_gtin, contains_count FROM trade_item WHERE gtin = %s", (parsed.gtin,)
    ).fetchone()
    if item is None:
        return Scanned("unknown_product", parsed=parsed)
    return Scanned("goods", _of_pack(connection, parsed, item), parsed)


def read_symbols(connection: Connection, texts: Sequence[str], today: date, *, separator: str = GS) -> Scanned:
    """The symbols of one pack, or what a person typed; `separator` is what the scanner sends in place of GS."""
    scans = [read_code(text, today, separator) for text in texts]
    typed = " + ".join(texts)
    if any(one.kind in PERSONAL_KINDS for one in scans):
        # An article code may look like a card's number: the catalogue is asked before a person is seen in it.
        return _typed(connection, typed, today) or Scanned("person")
    try:
        parsed = scans[0] if len(scans) == 1 else join_scans(scans, today)
    except InventoryError as error:
        return Scanned("unreadable", problems=(("repeated", str(error)),))
    found = understand(connection, parsed, today)
    if found.verdict in {"goods", "doubtful"}:
        return found
    return _typed(connection, typed, today) or found


def read_goods(connection: Connection, text: str, today: date) -> ScannedGoods:
    """Understand a scanned code, or the hospital's own code of a product as somebody types it.

    Raises:
        WorkRefusedError: it can't be understood, is doubtful, contradicts the books, or names nothing of the catalogue.
    """
    found = read_symbols(connection, [text], today)
    parsed, goods = found.parsed, found.goods
    if parsed is not None:
        refuse_doubtful(parsed)
    if found.verdict == "unknown_product" and parsed is not None:
        message = f"GTIN {parsed.gtin} is not in the catalogue: enter it first"
        raise WorkRefusedError("gtin_unknown", message, gtin=parsed.gtin)
    if goods is None:
        kind = parsed.kind if parsed is not None else "cccd or bhyt"
        raise WorkRefusedError("no_product", f"a code of kind {kind} names no product of the catalogue")
    if goods.code_lot is not None:
        said = f"the code says lot {goods.code_lot!r}, the books {goods.lot!r}"
        message = f"pack {goods.serial_number!r}: {said}: look at it"
        facts = {"pack": goods.serial_number, "code_lot": goods.code_lot, "books_lot": goods.lot}
        raise WorkRefusedError("lot_mismatch", message, **facts)
    return goods


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


def _without_gtin(connection: Connection, parsed: ParsedScan, today: date) -> Scanned:
    """The hospital's own label, a pallet's, or nothing."""
    problems = tuple((one.code, one.message) for one in parsed.errors)
    label = own_label(connection, parsed, today)
    if label is not None:
        return Scanned("goods", _of_label(label, parsed), parsed)
    if parsed.sscc is not None:
        return Scanned("transport_label", parsed=parsed, problems=problems)
    return Scanned("unreadable" if problems else "no_product", parsed=parsed, problems=problems)


def _of_pack(connection: Connection, parsed: ParsedScan, item: tuple[str, int, str | None, int | None]) -> ScannedGoods:
    """A scan never blanks what is known of its pack; of an opened one only what is left can be moved."""
    product_id, units, contains_gtin, contains_count = item
    pack = None
    if parsed.gtin is not None and parsed.serial_number is not None:
        key = (parsed.gtin, parsed.serial_number)
        pack = read_packs(connection, [key]).get(key)
    dates = [one for one in (parsed.expiry_date, pack.expiry_date if pack else None) if one is not None]
    contradicts = pack is not None and bool(parsed.lot) and parsed.lot != pack.lot
    return ScannedGoods(
        product_id=product_id,
        lot=pack.lot if pack is not None else parsed.lot,
        expiry_date=min(dates, default=None),
        gtin=parsed.gtin,
        serial_number=parsed.serial_number,
        units=pack.units if pack is not None and pack.units else units,
        pack=pack,
        code_lot=parsed.lot if contradicts else None,
        contains_gtin=contains_gtin,
        contains_count=contains_count,
    )


def _of_label(label: OwnLabel, parsed: ParsedScan) -> ScannedGoods:
    named = any(element.ai == INTERNAL_LOT for element in parsed.elements)
    goods = label.goods
    return ScannedGoods(
        goods.product_id, goods.lot if named else None, goods.expiry_date, None, None, None, None, label=label
    )


def _typed(connection: Connection, text: str, today: date) -> Scanned | None:
    """An article code or a registration number, as a person types it."""
    found = find_exactly(connection, text, today)
    if len(found) != 1:
        return None
    return Scanned("goods", ScannedGoods(found[0], None, None, None, None, None, None))
