"""What becomes of the goods that an excursion found: proposed by one person, confirmed by another, in one flow.

Whoever proposes sees of each held thing what it went through in its whole life, what is left of its budget and what
the figures advise; that is kept with the proposal. Goods to be destroyed are promised to a destruction at once (one for
each place) and booked as wasted when the second person confirms; goods to be released are free from then on.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gateway.cold_chain.climate_reads import ClimateReads
from gateway.cold_chain.thermal_history import (
    Figures,
    advice_on,
    figures,
    lot_journey,
    pack_exposure,
    read_goods,
    stability_of,
)
from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.reads_rows import Row, all_rows, first_row
from gateway.stock import destruction, holds
from gateway.stock.destruction import DestroyLine, NewDestruction
from gateway.stock.errors import DocumentStateError, SecondPersonError, WorkNotFoundError, WorkRefusedError
from inventory.cold_chain.instant import to_us
from inventory.cold_chain.journey import LotJourney

Decision = Literal["release", "destroy"]


class HeldLine(Row):
    """A held thing of an excursion with what it went through."""

    hold_id: uuid.UUID
    product_id: str
    product_name_vi: str
    product_name_en: str
    base_unit_vi: str
    base_unit_en: str
    lot: str
    expiry_date: date | None
    gtin: str | None
    serial_number: str | None
    account_id: str
    place_name_vi: str | None
    place_name_en: str | None
    quantity: int
    """Base units that it holds now."""
    value_vnd: float | None
    figures: Figures
    minutes_left: float | None
    advice: str
    ground: str
    is_asked: bool
    """Somebody asked for its release already."""
    decision: Decision | None = None


class Assessment(Row):
    """A proposal, waiting or done."""

    assessment_id: uuid.UUID
    excursion_id: uuid.UUID
    state: Literal["waiting_second", "done", "cancelled"]
    reason: str
    lines: list[HeldLine]
    destructions: list[uuid.UUID]
    created_at: datetime
    created_by: str
    second_at: datetime | None
    second_person: str | None


_HELD: Final = (
    "SELECT s.hold_id, s.product_id, s.lot, s.gtin, s.serial_number, coalesce(k.account_id, s.account_id), p.name_vi,"
    " p.name_en, p.base_unit_vi, p.base_unit_en, l.expiry_date, pl.name_vi, pl.name_en,"
    " CASE WHEN s.serial_number IS NOT NULL THEN coalesce(k.units, 0) WHEN h.quantity IS NOT NULL"
    " THEN least(h.quantity, coalesce(b.quantity, 0)) ELSE coalesce(b.quantity, 0) END::bigint,"
    " coalesce(l.unit_cost_vnd, p.unit_cost_vnd)::float8, h.released_by IS NOT NULL"
    " FROM excursion_stock s JOIN stock_hold h USING (hold_id) JOIN product p ON p.product_id = s.product_id"
    " JOIN lot l ON l.product_id = s.product_id AND l.lot = s.lot"
    " LEFT JOIN pack k ON k.gtin = s.gtin AND k.serial_number = s.serial_number"
    " LEFT JOIN stock_balance b ON b.account_id = s.account_id AND b.product_id = s.product_id AND b.lot = s.lot"
    " LEFT JOIN stock_account a ON a.account_id = coalesce(k.account_id, s.account_id)"
    " LEFT JOIN place pl ON pl.place_id = a.place_id"
    " WHERE s.excursion_id = %s AND h.released_at IS NULL ORDER BY p.name_vi, s.lot, 6, s.serial_number"
)
_ASSESSMENT: Final = (
    "SELECT assessment_id, excursion_id, state, reason, lines, destructions, created_at, created_by, second_at,"
    " second_person FROM excursion_assessment"
)


def held_lines(connection: Connection, excursion_id: uuid.UUID, now: datetime) -> list[HeldLine]:
    """What of an excursion is still held, each with its whole history summed up: a lot is worked out once."""
    reads = ClimateReads(connection)
    journeys: dict[tuple[str, str], LotJourney] = {}
    return [
        _held_line(connection, reads, journeys, row, now)
        for row in connection.execute(_HELD, (excursion_id,)).fetchall()
    ]


def _held_line(
    connection: Connection,
    reads: ClimateReads,
    journeys: dict[tuple[str, str], LotJourney],
    row: Sequence[Any],
    now: datetime,
) -> HeldLine:
    hold_id, product_id, lot, gtin, serial_number, account_id = row[:6]
    goods = read_goods(connection, product_id, lot, gtin, serial_number)
    if goods is None:
        raise WorkRefusedError("product_unknown", f"no lot {lot!r} of {product_id!r}", product=product_id)
    if serial_number is not None:
        exposure = pack_exposure(connection, reads, goods, now)
    else:
        journey = journeys.get((product_id, lot))
        if journey is None:
            journey = journeys[product_id, lot] = lot_journey(connection, reads, goods)
        spots = [spot for spot in journey.standing() if spot.partition("/")[0] == account_id]
        exposure = journey.exposure_at(spots[0] if spots else account_id, to_us(now)).exposure()
    advice = advice_on(goods, exposure)
    return HeldLine(
        hold_id=hold_id,
        product_id=product_id,
        product_name_vi=row[6],
        product_name_en=row[7],
        base_unit_vi=row[8],
        base_unit_en=row[9],
        lot=lot,
        expiry_date=row[10],
        gtin=gtin,
        serial_number=serial_number,
        account_id=account_id,
        place_name_vi=row[11],
        place_name_en=row[12],
        quantity=row[13],
        value_vnd=None if row[14] is None else row[14] * row[13],
        figures=figures(exposure),
        minutes_left=stability_of(goods).remaining(exposure),
        advice=advice.advice,
        ground=advice.ground,
        is_asked=row[15],
    )


def assessments(connection: Connection, excursion_id: uuid.UUID) -> list[Assessment]:
    """Of an excursion, the newest first."""
    return all_rows(
        connection,
        Assessment,
        _ASSESSMENT + " WHERE excursion_id = %(id)s ORDER BY created_at DESC",
        {"id": excursion_id},
    )


def read_assessment(connection: Connection, assessment_id: uuid.UUID) -> Assessment:
    """One.

    Raises:
        WorkNotFoundError: there is none of this id.
    """
    found = first_row(connection, Assessment, _ASSESSMENT + " WHERE assessment_id = %(id)s", {"id": assessment_id})
    if found is None:
        raise WorkNotFoundError("assessment_unknown", f"no assessment {assessment_id}")
    return found


def propose(
    connection: Connection,
    assessment_id: uuid.UUID,
    excursion_id: uuid.UUID,
    decisions: Mapping[uuid.UUID, Decision],
    *,
    reason: str,
    person: str,
    now: datetime,
    zone: ZoneInfo,
) -> Assessment:
    """The first person's half, in the caller's transaction; repeated with the same id it answers what there is.

    Raises:
        WorkRefusedError: `no_reason`, `nothing_decided`, `goods_on_the_way`, and as `destruction.begin`.
    """
    known = first_row(connection, Assessment, _ASSESSMENT + " WHERE assessment_id = %(id)s", {"id": assessment_id})
    if known is not None:
        return known
    if not reason.strip():
        raise WorkRefusedError("no_reason", "why it is decided so is not said")
    connection.execute("SELECT FROM excursion WHERE excursion_id = %s FOR UPDATE", (excursion_id,))
    waiting = connection.execute(
        "SELECT l ->> 'hold_id' FROM excursion_assessment a CROSS JOIN LATERAL jsonb_array_elements(a.lines) l"
        " WHERE a.state = 'waiting_second' AND a.excursion_id = %s",
        (excursion_id,),
    ).fetchall()
    chosen = {hold_id: decision for hold_id, decision in decisions.items() if (str(hold_id),) not in waiting}
    lines = [
        line.model_copy(update={"decision": chosen[line.hold_id]})
        for line in held_lines(connection, excursion_id, now)
        if line.hold_id in chosen
    ]
    if not lines:
        raise WorkRefusedError("nothing_decided", "nothing that is still held was decided: choose at least one line")
    destructions: list[str] = []
    for place_id, to_destroy in _by_place(connection, lines).items():
        document_id = uuid.uuid5(assessment_id, place_id)
        new = NewDestruction(document_id, place_id, to_destroy, person, storable(reason), client="web", zone=zone)
        destruction.begin(connection, new, now)
        destructions.append(str(document_id))
    connection.execute(
        "INSERT INTO excursion_assessment (assessment_id, excursion_id, state, reason, lines, destructions, created_at,"
        " created_by) VALUES (%s, %s, 'waiting_second', %s, %s, %s, %s, %s)",
        (
            *(assessment_id, excursion_id, storable(reason)),
            *(Jsonb([line.model_dump(mode="json") for line in lines]), Jsonb(destructions), now, person),
        ),
    )
    return read_assessment(connection, assessment_id)


def _by_place(connection: Connection, lines: Sequence[HeldLine]) -> dict[str, tuple[DestroyLine, ...]]:
    found: dict[str, list[DestroyLine]] = {}
    for line in lines:
        if line.decision != "destroy" or not line.quantity:
            continue
        if not line.account_id.startswith("place:"):
            message = f"lot {line.lot!r} of {line.product_id!r} is at {line.account_id!r}: receive it first"
            raise WorkRefusedError("goods_on_the_way", message, product=line.product_id, lot=line.lot)
        found.setdefault(line.account_id.removeprefix("place:"), []).extend(_destroy_lines(connection, line))
    return {place_id: tuple(each) for place_id, each in found.items()}


def _destroy_lines(connection: Connection, line: HeldLine) -> list[DestroyLine]:
    """A pack by its number; a lot as its packs there, and what is loose."""
    if line.serial_number is not None:
        return [DestroyLine(line.product_id, line.lot, line.quantity, line.gtin, line.serial_number)]
    packs = connection.execute(
        "SELECT gtin, serial_number, units FROM pack WHERE account_id = %s AND product_id = %s AND lot = %s"
        " AND units > 0 ORDER BY gtin, serial_number",
        (line.account_id, line.product_id, line.lot),
    ).fetchall()
    balance = connection.execute(
        "SELECT quantity FROM stock_balance WHERE account_id = %s AND product_id = %s AND lot = %s",
        (line.account_id, line.product_id, line.lot),
    ).fetchone()
    loose = (0 if balance is None else int(balance[0])) - sum(row[2] for row in packs)
    if line.quantity <= loose:
        return [DestroyLine(line.product_id, line.lot, line.quantity)]
    found = [DestroyLine(line.product_id, line.lot, row[2], row[0], row[1]) for row in packs]
    return [*found, DestroyLine(line.product_id, line.lot, loose)] if loose > 0 else found


def confirm(connection: Connection, assessment_id: uuid.UUID, person: str, now: datetime, zone: ZoneInfo) -> Assessment:
    """The second person's half: released is free, destroyed is booked. Told again: as before.

    Raises:
        SecondPersonError: it is who proposed it.
        DocumentStateError: it does not wait.
        WorkNotFoundError: there is none of this id.
    """
    before = _locked(connection, assessment_id)
    if before.state == "done" and before.second_person == person:
        return before
    if before.created_by == person:
        raise SecondPersonError("second_person", f"{person!r} proposed it: somebody else has to confirm it")
    _refuse_over(before)
    for document_id in before.destructions:
        destruction.confirm(connection, document_id, person, now, zone=zone)
    # Nobody asks for a release before: two others could confirm it elsewhere of goods that are to be destroyed.
    still = connection.execute(
        "SELECT hold_id FROM stock_hold WHERE hold_id = ANY(%s) AND released_at IS NULL ORDER BY hold_id",
        ([line.hold_id for line in before.lines],),
    ).fetchall()
    for (hold_id,) in still:
        holds.release_hold(
            connection, hold_id, person=before.created_by, second_person=person, reason=before.reason, now=now
        )
    connection.execute(
        "UPDATE excursion_assessment SET state = 'done', second_at = %s, second_person = %s WHERE assessment_id = %s",
        (now, person, assessment_id),
    )
    return read_assessment(connection, assessment_id)


def cancel(connection: Connection, assessment_id: uuid.UUID, now: datetime) -> Assessment:
    """Nothing comes of it: the goods stay held. Told again: as before.

    Raises:
        DocumentStateError: it is done already.
        WorkNotFoundError: there is none of this id.
    """
    before = _locked(connection, assessment_id)
    if before.state == "cancelled":
        return before
    _refuse_over(before)
    for document_id in before.destructions:
        destruction.cancel(connection, document_id, now)
    connection.execute("UPDATE excursion_assessment SET state = 'cancelled' WHERE assessment_id = %s", (assessment_id,))
    return read_assessment(connection, assessment_id)


def _locked(connection: Connection, assessment_id: uuid.UUID) -> Assessment:
    connection.execute("SELECT FROM excursion_assessment WHERE assessment_id = %s FOR UPDATE", (assessment_id,))
    return read_assessment(connection, assessment_id)


def _refuse_over(before: Assessment) -> None:
    if before.state != "waiting_second":
        raise DocumentStateError("assessment_over", f"assessment {before.assessment_id} is {before.state}")
