"""What the books know of the tags of a count: where each pack stood when it began, and which tags are its own."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.db.pool import Connection
from gateway.stock.count_scope import accounts_inside
from gateway.stock.tag_count_passes import OpenCount
from inventory.epc import decode_epc
from inventory.errors import CodeError
from inventory.tag_count import KnownTag, OurArticles, ReadPass, canonical_epc


@dataclass(frozen=True)
class CountBooks:
    """All that the comparison needs."""

    tags: list[KnownTag]
    passes: list[ReadPass]
    ours: OurArticles
    moved_since: int
    """Tags left out, because the books have moved their packs since the count began."""


def freeze(connection: Connection, tag_count_id: uuid.UUID, accounts: Sequence[str]) -> None:
    """The tagged packs that the books have in these places, as they are now."""
    connection.execute(
        "INSERT INTO tag_count_expected (tag_count_id, epc, account_id, product_id, lot, units, gtin, serial_number,"
        " last_movement_id) SELECT %s, epc, account_id, product_id, lot, units, gtin, serial_number, last_movement_id"
        " FROM pack WHERE account_id = ANY(%s) AND epc IS NOT NULL AND units > 0",
        (tag_count_id, list(accounts)),
    )


def known_tags(connection: Connection, count: OpenCount, passes: Sequence[ReadPass]) -> CountBooks:
    """The expected tags, those others that were read and whose pack the books know, and which articles are ours.

    A tag that names a pack by GTIN and serial number (SGTIN) is that pack's tag, though nobody has said so: it is
    remembered from now on.
    """
    expected, moved = _expected(connection, count.tag_count_id)
    read = {canonical_epc(epc): epc for epc in frozenset[str]().union(*(one.epcs for one in passes))}
    strange = read.keys() - expected.keys() - moved
    others, moved_too = _by_epc(connection, strange, count.frozen_at)
    names = _names({epc: read[epc] for epc in strange - others.keys() - moved_too})
    by_name, moved_by_name = _by_name(connection, names, count.frozen_at)
    _remember(connection, by_name)
    left_out = moved | moved_too | moved_by_name
    tags = [*expected.values(), *others.values(), *by_name.values()]
    ours = OurArticles(_our_gtins(connection, {gtin for gtin, _ in names.values()}), frozenset(count.company_prefixes))
    kept = _without(passes, left_out) if left_out else list(passes)
    return CountBooks(tags, _placed(kept, tags, accounts_inside(connection, count.counted)), ours, len(left_out))


def _expected(connection: Connection, tag_count_id: uuid.UUID) -> tuple[dict[str, KnownTag], set[str]]:
    rows = connection.execute(
        "SELECT e.epc, e.account_id, e.product_id, e.lot, e.units, e.gtin || '/' || e.serial_number,"
        " p.last_movement_id IS DISTINCT FROM e.last_movement_id FROM tag_count_expected e"
        " LEFT JOIN pack p USING (gtin, serial_number) WHERE e.tag_count_id = %s",
        (tag_count_id,),
    )
    known: dict[str, KnownTag] = {}
    moved: set[str] = set()
    for *values, has_moved in rows:
        epc = canonical_epc(values[0])
        if has_moved:
            moved.add(epc)
        else:
            known[epc] = KnownTag(*values)
    return known, moved


def _by_epc(
    connection: Connection, strange: Collection[str], frozen_at: datetime
) -> tuple[dict[str, KnownTag], set[str]]:
    """Packs elsewhere whose registered tag was read. A registered EPC may have fill behind it, so also the padded."""
    if not strange:
        return {}, set()
    rows = connection.execute(
        "SELECT k.canonical, pack.epc, pack.account_id, pack.product_id, pack.lot, pack.units,"
        " pack.gtin || '/' || pack.serial_number, m.received_at > %s"
        " FROM (SELECT e AS canonical, e || repeat('0000', fill) AS epc FROM unnest(%s::text[]) AS e,"
        " generate_series(0, 8) AS fill) AS k JOIN pack ON pack.epc = k.epc"
        " JOIN movement m ON m.movement_id = pack.last_movement_id",
        (frozen_at, list(strange)),
    )
    return _split(rows)


def _names(strange: dict[str, str]) -> dict[str, tuple[str, str]]:
    """GTIN and serial number of the tags that say them."""
    names = {}
    for epc, as_read in strange.items():
        try:
            values = {element.ai: element.value for element in decode_epc(as_read).elements}
        except CodeError:
            continue  # foreign: inventory.tag_count says so
        if "01" in values and "21" in values:
            names[epc] = (values["01"], values["21"])
    return names


def _by_name(
    connection: Connection, names: dict[str, tuple[str, str]], frozen_at: datetime
) -> tuple[dict[str, KnownTag], set[str]]:
    """Packs without a registered tag that a tag names."""
    if not names:
        return {}, set()
    rows = connection.execute(
        "SELECT k.epc, k.epc, pack.account_id, pack.product_id, pack.lot, pack.units,"
        " pack.gtin || '/' || pack.serial_number, m.received_at > %s"
        " FROM unnest(%s::text[], %s::text[], %s::text[]) AS k (epc, gtin, serial_number)"
        " JOIN pack ON pack.gtin = k.gtin AND pack.serial_number = k.serial_number AND pack.epc IS NULL"
        " JOIN movement m ON m.movement_id = pack.last_movement_id",
        (frozen_at, list(names), [one[0] for one in names.values()], [one[1] for one in names.values()]),
    )
    return _split(rows)


def _split(rows: Iterable[tuple[object, ...]]) -> tuple[dict[str, KnownTag], set[str]]:
    known: dict[str, KnownTag] = {}
    moved: set[str] = set()
    for canonical, *values, has_moved in rows:
        if has_moved:
            moved.add(str(canonical))
        else:
            known[str(canonical)] = KnownTag(*values)  # type: ignore[arg-type]
    return known, moved


def _remember(connection: Connection, by_name: dict[str, KnownTag]) -> None:
    if not by_name:
        return
    names = [tag.pack.partition("/") for tag in by_name.values()]
    connection.execute(
        "UPDATE pack SET epc = k.epc FROM unnest(%s::text[], %s::text[], %s::text[]) AS k (epc, gtin, serial_number)"
        " WHERE pack.gtin = k.gtin AND pack.serial_number = k.serial_number AND pack.epc IS NULL"
        " AND NOT EXISTS (SELECT FROM pack other WHERE other.epc = k.epc)",
        ([tag.epc for tag in by_name.values()], [name[0] for name in names], [name[2] for name in names]),
    )


def _our_gtins(connection: Connection, gtins: Collection[str]) -> frozenset[str]:
    rows = connection.execute("SELECT gtin FROM trade_item WHERE gtin = ANY(%s)", (list(gtins),))
    return frozenset(str(row[0]) for row in rows)


def _without(passes: Sequence[ReadPass], left_out: Collection[str]) -> list[ReadPass]:
    return [
        ReadPass(
            one.number,
            one.account_id,
            frozenset(epc for epc in one.epcs if canonical_epc(epc) not in left_out),
        )
        for one in passes
    ]


def _placed(passes: Sequence[ReadPass], tags: Sequence[KnownTag], inside: dict[str, frozenset[str]]) -> list[ReadPass]:
    """A reader over a store reads its shelves too: what the books have on a shelf inside is read there."""
    if all(len(reach) < 2 for reach in inside.values()):  # noqa: PLR2004 - nothing but the place itself
        return list(passes)
    homes = {canonical_epc(tag.epc): tag.account_id for tag in tags}
    placed: list[ReadPass] = []
    for one in passes:
        reach = inside.get(one.account_id, frozenset()) - {one.account_id}
        if not reach:
            placed.append(one)
            continue
        by_place: dict[str, set[str]] = {one.account_id: set(), **{account_id: set() for account_id in reach}}
        for epc in one.epcs:
            home = homes.get(canonical_epc(epc), one.account_id)
            by_place[home if home in reach else one.account_id].add(epc)
        placed += [ReadPass(one.number, account_id, frozenset(epcs)) for account_id, epcs in by_place.items()]
    return placed
