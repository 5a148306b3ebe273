"""Repacking: a case into boxes, a box into loose units, loose units into labelled packs. Base units are conserved."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.db.pool import Connection
from gateway.stock import acts
from gateway.stock.acts import ActLine, Actor, Done
from gateway.stock.documents import NewDocument, line_id
from gateway.stock.errors import WorkRefusedError
from gateway.stock.lines import Line


@dataclass(frozen=True)
class Repacking:
    """What was taken apart and what was made of it, in one place."""

    document_id: uuid.UUID
    place_id: str
    sources: tuple[ActLine, ...]
    targets: tuple[ActLine, ...]
    """New packs with their serial numbers, or loose units (without GTIN)."""
    note: str = ""


def repack(connection: Connection, act: Repacking, actor: Actor) -> Done:
    """Book it in the caller's transaction; a repetition changes nothing. Held and expired goods are not repacked.

    Raises:
        WorkRefusedError: `units_not_conserved`, `expiry_later`, `pack_units`, `lot_mixed`, `place_unknown`, and what
            `acts.refuse_no_lines` says.
        DocumentConflictError: a document of this id has other content.
        LedgerError: as `books.book`.
    """
    acts.refuse_no_lines(act.sources)
    acts.refuse_no_lines(act.targets)
    _refuse_not_conserved(act)
    _refuse_mixed_lots(act)
    _refuse_later_expiry(connection, act)
    _refuse_wrong_packs(connection, act.targets)
    account_id = acts.account_of(connection, act.place_id)
    document = NewDocument(
        document_id=act.document_id,
        kind="repack",
        created_by=actor.person,
        occurred_at=actor.occurred_at,
        created_at=actor.received_at,
        from_place_id=act.place_id,
        to_place_id=act.place_id,
        note=act.note,
        zone=actor.zone,
        body={"sources": acts.body_of(act.sources)["lines"], "targets": acts.body_of(act.targets)["lines"]},
    )
    out = acts.numbered(act.document_id, "repack_out", act.sources, account_id, "repacked")
    made = [
        Line(line_id(act.document_id, place), "repack_in", line.goods, "repacked", account_id)
        for place, line in enumerate(act.targets, len(out) + 1)
    ]
    return acts.write_act(connection, document, [*out, *made], actor)


def _units(lines: Sequence[ActLine]) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in lines:
        found[line.product_id] += line.quantity
    return found


def _refuse_not_conserved(act: Repacking) -> None:
    taken, made = _units(act.sources), _units(act.targets)
    for product_id in sorted(taken | made):
        if taken[product_id] != made[product_id]:
            raise WorkRefusedError(
                "units_not_conserved",
                f"product {product_id}: {taken[product_id]} base units are taken apart and {made[product_id]} are made"
                " of them: enter what is missing; what was lost in the work is adjusted with a reason",
                product=product_id,
                taken=taken[product_id],
                made=made[product_id],
            )


def _refuse_mixed_lots(act: Repacking) -> None:
    """What comes of a lot is of this lot: a recall must find it."""
    lots = {(line.product_id, line.lot) for line in act.sources}
    for line in act.targets:
        if (line.product_id, line.lot) not in lots:
            raise WorkRefusedError(
                "lot_mixed",
                f"product {line.product_id}: lot {line.lot!r} is made of none that is taken apart: keep the lot",
                product=line.product_id,
                lot=line.lot,
            )


def _refuse_later_expiry(connection: Connection, act: Repacking) -> None:
    """No pack is usable longer than what it was made of."""
    known = {
        (row[0], row[1]): row[2]
        for row in connection.execute(
            "SELECT product_id, lot, expiry_date FROM lot WHERE product_id = ANY(%s) AND expiry_date IS NOT NULL",
            ([line.product_id for line in act.sources],),
        )
    }
    for line in act.sources:
        if line.expiry_date is not None:
            key = (line.product_id, line.lot)
            known[key] = min(known.get(key, line.expiry_date), line.expiry_date)
    for line in act.targets:
        last = known.get((line.product_id, line.lot))
        if line.expiry_date is not None and last is not None and line.expiry_date > last:
            raise WorkRefusedError(
                "expiry_later",
                f"product {line.product_id}, lot {line.lot!r}: new packs until {line.expiry_date}, but the goods"
                f" expire on {last}: use that date or an earlier one",
                product=line.product_id,
                lot=line.lot,
                date=last,
            )


def _refuse_wrong_packs(connection: Connection, targets: Sequence[ActLine]) -> None:
    """A pack of a GTIN holds what the catalogue says."""
    units = {
        str(row[0]): int(row[1])
        for row in connection.execute(
            "SELECT gtin, units FROM trade_item WHERE gtin = ANY(%s)", ([line.gtin for line in targets if line.gtin],)
        )
    }
    for line in targets:
        whole = units.get(line.gtin or "")
        if whole is None:
            continue  # loose, or a GTIN that the books refuse
        wrong = line.quantity != whole if line.serial_number else line.quantity % whole
        if wrong:
            raise WorkRefusedError(
                "pack_units",
                f"{line.quantity} base units in packs of GTIN {line.gtin}, which hold {whole} each: enter whole packs,"
                " the rest as loose units",
                gtin=line.gtin,
                product=line.product_id,
                units=whole,
                given=line.quantity,
            )
