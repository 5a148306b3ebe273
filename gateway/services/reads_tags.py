"""UHF tags as the readers see them now, each with what its EPC says: product and serial number."""

from datetime import date, datetime
from typing import Final

from gateway.services.app_services import DbConnection
from gateway.services.reads_rows import Row, all_rows
from inventory.epc import decode_epc
from inventory.errors import EpcError


class PresentTag(Row):
    """One tag that a reader sees."""

    epc: str
    """As read, in hexadecimal digits."""
    device_key: int
    antenna_id: int
    place_name_vi: str | None
    place_name_en: str | None
    appeared_at: datetime
    last_seen_at: datetime
    gtin: str | None = None
    """From the EPC; null: not a tag of a product."""
    serial_number: str | None = None
    epc_uri: str | None = None
    """Pure identity; null: no EPC scheme that is read here."""
    product_name_vi: str | None = None
    product_name_en: str | None = None
    lot: str | None = None
    """From the books, where the pack is known."""
    expiry_date: date | None = None


class _KnownPack(Row):
    gtin: str
    serial_number: str | None
    product_name_vi: str
    product_name_en: str
    lot: str | None
    expiry_date: date | None


_GTIN_AI: Final = "01"
_SERIAL_AI: Final = "21"
_TAGS: Final = (
    "SELECT t.epc, t.device_key, t.antenna_id, pl.name_vi AS place_name_vi, pl.name_en AS place_name_en,"
    " t.appeared_at, t.last_seen_at FROM tag_presence t LEFT JOIN device d USING (device_key)"
    " LEFT JOIN place pl USING (place_id) WHERE t.disappeared_at IS NULL"
    " ORDER BY t.appeared_at DESC, t.epc LIMIT %(limit)s"
)
_PACKS: Final = (
    "SELECT w.gtin, w.serial_number, pr.name_vi AS product_name_vi, pr.name_en AS product_name_en, k.lot,"
    " k.expiry_date FROM unnest(%(gtins)s::text[], %(serials)s::text[]) AS w (gtin, serial_number)"
    " JOIN trade_item ti ON ti.gtin = w.gtin JOIN product pr USING (product_id)"
    " LEFT JOIN pack k ON k.gtin = w.gtin AND k.serial_number = w.serial_number"
)


def present_tags(connection: DbConnection, limit: int) -> list[PresentTag]:
    """The tags that are seen now, the latest to appear first."""
    tags = [_decoded(tag) for tag in all_rows(connection, PresentTag, _TAGS, {"limit": limit})]
    wanted = [tag for tag in tags if tag.gtin is not None]
    packs = all_rows(
        connection,
        _KnownPack,
        _PACKS,
        {"gtins": [tag.gtin for tag in wanted], "serials": [tag.serial_number for tag in wanted]},
    )
    known = {(pack.gtin, pack.serial_number): pack for pack in packs}
    return [_named(tag, known.get((tag.gtin or "", tag.serial_number))) for tag in tags]


def _decoded(tag: PresentTag) -> PresentTag:
    try:
        epc = decode_epc(tag.epc)
    except EpcError:
        return tag  # somebody else's tag: shown by its digits
    values = {element.ai: element.value for element in epc.elements}
    return tag.model_copy(
        update={"epc_uri": epc.epc_uri, "gtin": values.get(_GTIN_AI), "serial_number": values.get(_SERIAL_AI)}
    )


def _named(tag: PresentTag, pack: _KnownPack | None) -> PresentTag:
    if pack is None:
        return tag
    return tag.model_copy(update=pack.model_dump(exclude={"gtin", "serial_number"}))
