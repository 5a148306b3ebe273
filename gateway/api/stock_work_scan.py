"""What a scan on a work page is about, in the JSON API: product, lot, units, in words for the person who scanned."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from gateway.api.stock_catalogue import today_of
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import WORK_PROBLEMS, Worker
from gateway.db.pool import Connection
from gateway.pages import work_words
from gateway.pages.speech import Speech
from gateway.pages.translations import N_
from gateway.stock.work_scan import LotThere, Reading, read_codes

BY_PRODUCT: Final = frozenset({"issue", "dispensing", "order", "order_change"})
"""Acts that ask for products, not for lots."""
_COUNTED_IN_PACKS: Final = frozenset({"order", "order_change"})
router: Final = APIRouter(prefix=f"{PREFIX}/work", tags=["stock"], responses=WORK_PROBLEMS)


class Scan(BaseModel):
    """What was scanned or typed."""

    texts: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(min_length=1, max_length=8)] = Field(
        description="As the scanner sent it; several are the symbols of one pack"
    )
    act: Annotated[str, Field(max_length=40, description="What the scan is for")] = ""
    separator: Annotated[str | None, Field(min_length=1, max_length=1)] = Field(
        default=None, description="What this scanner sends in place of GS (0x1D)"
    )
    from_place_id: Annotated[str | None, Field(max_length=64)] = Field(
        default=None, description="Where goods are taken from: then the answer says what stands there"
    )


class PackSize(BaseModel):
    """One that the product is traded in."""

    gtin: str
    units: int = Field(description="Base units")


class LineRead(BaseModel):
    """A line for the document, as far as the scan knows it."""

    product_id: str
    name: str
    unit: str = Field(description="Of the base unit, in the reader's language")
    units: int = Field(description="Base units in what was scanned")
    gtin: str | None
    contains_gtin: str | None
    contains_count: int | None
    lot: str | None = Field(description="null: nothing says it, a person has to")
    expiry_date: date | None
    serial_number: str | None
    lots: list[LotThere]
    scan_text: str
    packs: list[PackSize] = Field(default=[], description="The smallest first; told where packs are to be chosen from")


class ScanRead(BaseModel):
    """What a scan is, in the reader's language."""

    verdict: str
    mood: str
    word: str
    sentence: str
    technical: str = Field(description="In English; empty if there is none")
    line: LineRead | None


@router.post("/scans", summary="Read what was scanned; nothing is booked")
def scans(request: Request, person: Worker, scan: Scan) -> ScanRead:
    """One pack, case or article code."""
    del person  # who asks makes no difference to what a code says
    web = web_of(request)
    with web.services.pool.connection() as connection:
        reading = read_codes(
            connection,
            scan.texts,
            today_of(web.services),
            web.services.clock(),
            separator=scan.separator or "\x1d",
            from_place_id=scan.from_place_id,
        )
        read = say(reading, scan.from_place_id, web.speech(request), by_product=scan.act in BY_PRODUCT)
        if read.line is not None and scan.act in _COUNTED_IN_PACKS:
            read.line.packs = pack_sizes(connection, [read.line.product_id]).get(read.line.product_id, [])
            if reading.gtin is None and read.line.packs:
                read.line.units = read.line.packs[0].units  # who types a name means packs of it
    return read


def pack_sizes(connection: Connection, products: Sequence[str]) -> dict[str, list[PackSize]]:
    """Of each product the packs that hold more than one base unit."""
    rows = connection.execute(
        "SELECT product_id, gtin, units FROM trade_item WHERE product_id = ANY(%s) AND units > 1 ORDER BY units, gtin",
        (list(products),),
    )
    found: dict[str, list[PackSize]] = {}
    for row in rows:
        found.setdefault(str(row[0]), []).append(PackSize(gtin=row[1], units=row[2]))
    return found


def say(reading: Reading, from_place_id: str | None, speech: Speech, *, by_product: bool = False) -> ScanRead:
    """The reading with its words; `by_product`: it is asked for, and of which lot is found out later."""
    line = line_of(reading, speech)
    if by_product and line is not None:
        sentence = f"{line.name} · {line.units} {line.unit}"
        return ScanRead(
            verdict="goods", mood="ok", word=speech.text(N_("Added")), sentence=sentence, technical="", line=line
        )
    mood, word, sentences = work_words.said(reading, from_place_id)
    texts = [speech.text(sentence) for sentence in sentences if sentence]
    if line is not None:
        facts = [line.name, line.lot or "", f"{line.units} {line.unit}"]
        texts = [" · ".join(fact for fact in facts if fact), *texts]
    return ScanRead(
        verdict=reading.verdict,
        mood=mood,
        word=speech.text(word),
        sentence=" ".join(texts),
        technical="; ".join(message for _, message in reading.problems),
        line=line,
    )


def line_of(reading: Reading, speech: Speech) -> LineRead | None:
    """For a document; None if the scan names no goods."""
    article = reading.article
    if article is None:
        return None
    return LineRead(
        product_id=article.product_id,
        name=speech.named(article.name_vi, article.name_en),
        unit=speech.named(article.base_unit_vi, article.base_unit_en),
        units=reading.units,
        gtin=reading.gtin,
        contains_gtin=reading.contains_gtin,
        contains_count=reading.contains_count,
        lot=reading.lot,
        expiry_date=reading.expiry_date,
        serial_number=reading.serial_number,
        lots=list(reading.lots),
        scan_text=reading.text,
    )
