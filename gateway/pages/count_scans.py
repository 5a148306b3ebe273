"""A scan of somebody who counts: taken, said back in their language, with the list of what they have scanned so far."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from fastapi import Request
from pydantic import BaseModel, Field

from gateway.api.stock_catalogue import today_of
from gateway.api.stock_work_scan import say
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, problem_of
from gateway.db.pool import Connection
from gateway.pages import count_words
from gateway.pages.speech import Speech
from gateway.services.reads_rows import Row, all_rows
from gateway.services.sessions import SignedIn
from gateway.stock import stocktake_scanning
from gateway.stock.errors import WarehouseError
from gateway.stock.stocktake_draft import Draft, DraftLine, Scan
from gateway.stock.stocktake_overview import StocktakeProgress, progress_of
from gateway.stock.stocktake_scanning import ScanGiven, ScanTaken
from gateway.stock.work_scan import read_codes
from inventory.errors import InventoryError

_LINES_SHOWN: Final = 30
_KEPT_SHOWN: Final = 10


class ScanAnswer(BaseModel):
    """What a scan was, in the reader's language, and the page's list."""

    mood: str
    word: str
    sentence: str
    technical: str = Field(default="", description="In English")
    html: str = Field(description="The list of what this person has scanned and not handed in")
    place_id: str = Field(description="Where this person counts now")


class _Product(Row):
    product_id: str
    name_vi: str
    name_en: str
    base_unit_vi: str
    base_unit_en: str


def today(request: Request) -> date:
    """The hospital's day."""
    return today_of(web_of(request).services)


def given(
    request: Request, person: SignedIn, stocktake_id: uuid.UUID, *, scan_id: uuid.UUID, text: str, place_id: str
) -> ScanGiven:
    """A scan of this moment."""
    return ScanGiven(scan_id, stocktake_id, person.username, place_id, text, now_of(request))


def place_named(connection: Connection, stocktake_id: uuid.UUID, text: str) -> str | None:
    """The place whose code was scanned or typed, if it is counted here."""
    row = connection.execute(
        "SELECT place_id FROM stocktake_place JOIN stock_account USING (account_id) WHERE stocktake_id = %s"
        " AND lower(place_id) = lower(%s)",
        (stocktake_id, text.replace("\0", "").strip()),
    ).fetchone()
    return str(row[0]) if row else None


def place_chosen(connection: Connection, head: StocktakeProgress, person: str, asked: str) -> str:
    """Where this person counts: as asked, else as before, else the only place; empty if it has to be chosen."""
    if f"place:{asked}" in head.accounts:
        return asked
    row = connection.execute(
        "SELECT account_id FROM stocktake_scan WHERE stocktake_id = %s AND person = %s AND account_id IS NOT NULL"
        " ORDER BY scan_number DESC LIMIT 1",
        (head.stocktake_id, person),
    ).fetchone()
    known = str(row[0]) if row else head.accounts[0] if len(head.accounts) == 1 else ""
    return known.removeprefix("place:")


def take(
    *,
    request: Request,
    person: SignedIn,
    stocktake_id: uuid.UUID,
    scan_id: uuid.UUID,
    text: str,
    place_id: str,
    at: datetime,
    separator: str | None,
) -> ScanAnswer:
    """Keep a scan and say what it was; what can't be done is said too, and changes nothing."""
    web = web_of(request)
    speech = web.speech(request)
    with web.services.pool.connection() as connection:
        chosen = place_named(connection, stocktake_id, text)
        if chosen is not None:
            said = ("info", speech.text(count_words.PLACE_CHOSEN), text.strip(), "")
            return _answer(request, connection, person, stocktake_id, said=said, place_id=chosen)
        sent = ScanGiven(scan_id, stocktake_id, person.username, place_id, text, at, separator or "\x1d")
        try:
            taken = stocktake_scanning.take_scan(connection, sent, today(request), now_of(request))
        except (WarehouseError, InventoryError) as error:
            raise problem_of(error) from None
        said = _said(request, connection, stocktake_id, taken, sent)
        return _answer(request, connection, person, stocktake_id, said=said, place_id=place_id)


def _answer(
    request: Request,
    connection: Connection,
    person: SignedIn,
    stocktake_id: uuid.UUID,
    *,
    said: tuple[str, str, str, str],
    place_id: str,
) -> ScanAnswer:
    web = web_of(request)
    head = progress_of(connection, stocktake_id)
    html = (
        ""
        if head is None
        else web.render(
            "fragments/count_draft.html",
            web.speech(request),
            {
                "person": person,
                "now": now_of(request),
                "words": count_words,
                "head": head,
                **draft_values(request, connection, person, head),
            },
        )
    )
    mood, word, sentence, technical = said
    return ScanAnswer(mood=mood, word=word, sentence=sentence, technical=technical, html=html, place_id=place_id)


def draft_values(request: Request, connection: Connection, person: SignedIn, head: StocktakeProgress) -> dict[str, Any]:
    """What the list of one person's scans shows."""
    draft = stocktake_scanning.draft_of(connection, head.stocktake_id, person.username)
    lines, kept = draft.lines[:_LINES_SHOWN], draft.kept[:_KEPT_SHOWN]
    scans = (*kept, *draft.waiting_for_lot[:1])
    ids = {line.key.product_id for line in lines} | {scan.product_id for scan in scans if scan.product_id}
    offered = [
        stocktake_scanning.lots_offered(connection, head.stocktake_id, scan) for scan in draft.waiting_for_lot[:1]
    ]
    return {
        "draft": draft,
        "draft_lines": lines,
        "draft_kept": kept,
        "products": _products(connection, ids),
        "lots_offered": offered[0] if offered else [],
        "draft_places": _places_of(request, connection, head, lines),
        "hand_in_id": uuid.uuid4(),
        "undo_id": uuid.uuid4(),
    }


def _places_of(
    request: Request, connection: Connection, head: StocktakeProgress, lines: Sequence[DraftLine]
) -> dict[str, str]:
    """Names of the places of lines, where the stocktake has several."""
    if len(head.accounts) < 2:  # noqa: PLR2004 - one place needs no name
        return {}
    rows = connection.execute(
        "SELECT account_id, name_vi, name_en FROM stock_account JOIN place USING (place_id) WHERE account_id = ANY(%s)",
        ([line.key.account_id for line in lines],),
    )
    speech = web_of(request).speech(request)
    return {str(row[0]): speech.named(row[1], row[2]) for row in rows}


def _products(connection: Connection, ids: set[str]) -> dict[str, _Product]:
    rows = all_rows(
        connection,
        _Product,
        "SELECT product_id, name_vi, name_en, base_unit_vi, base_unit_en FROM product WHERE product_id = ANY(%(ids)s)",
        {"ids": sorted(ids)},
    )
    return {row.product_id: row for row in rows}


def _said(
    request: Request, connection: Connection, stocktake_id: uuid.UUID, taken: ScanTaken, sent: ScanGiven
) -> tuple[str, str, str, str]:
    """Mood, word, sentence and technical detail."""
    speech, scan = web_of(request).speech(request), taken.scan
    if scan.act == "undo":
        return "info", speech.text(count_words.TAKEN_BACK), _line_said(connection, speech, taken.draft, None), ""
    if scan.verdict not in count_words.SCANS:
        reading = read_codes(connection, [sent.text], today(request), now_of(request), separator=sent.separator)
        said = say(reading, None, speech)
        return said.mood, said.word, said.sentence, said.technical
    state = count_words.SCANS[scan.verdict]
    sentences = [
        _line_said(connection, speech, taken.draft, scan),
        speech.text(state.sentence) if state.sentence else "",
    ]
    if scan.verdict == "lot_missing":
        lots = stocktake_scanning.lots_offered(connection, stocktake_id, scan)
        sentences.append(" · ".join(f"#{place} {lot}" for place, lot in enumerate(lots[:9], 1)))
    if taken.by_another:
        sentences.append(speech.text(count_words.SECOND_COUNT))
    mood = "attention" if taken.by_another else state.mood
    return mood, speech.text(state.word), " ".join(text for text in sentences if text), scan.detail


def _line_said(connection: Connection, speech: Speech, draft: Draft, scan: Scan | None) -> str:
    """The line that was scanned, and how much of it is counted so far."""
    line = draft.lines[0] if draft.lines else None
    product_id = scan.product_id if scan is not None else line.key.product_id if line else None
    product = _products(connection, {product_id or ""}).get(product_id or "")
    if product is None:
        return ""
    facts = [speech.named(product.name_vi, product.name_en)]
    if line is not None and line.key.product_id == product_id and (scan is None or scan.verdict == "counted"):
        unit = speech.named(product.base_unit_vi, product.base_unit_en)
        facts += [line.key.lot, f"{speech.whole(line.quantity)} {unit}"]
    elif scan is not None:
        facts += [scan.lot or "", scan.serial_number or ""]
    return " · ".join(fact for fact in facts if fact)
