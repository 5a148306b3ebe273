"""What is printed and exported of an RFID count: its minutes in Vietnamese, and every tag for a spreadsheet."""

import uuid
from typing import Final

from fastapi import APIRouter, Request, Response

from gateway.api.problems import not_found
from gateway.api.web import web_of
from gateway.api.work_kit import letterhead, pdf
from gateway.db.pool import Connection
from gateway.pages import count_words
from gateway.pages.count_kit import Looker, people_said
from gateway.pages.speech import Speech
from gateway.pages.stock_overview_files import csv_download
from gateway.pages.translations import N_
from gateway.pages.work_out_words import OUTSIDE
from gateway.reports.csv_export import Cell
from gateway.reports.tag_count_minutes import TagCountMinutes, TagLine, tag_count_minutes_pdf
from gateway.stock.stocktake_overview import account_names
from gateway.stock.tag_count_overview import (
    FindingShown,
    TagCountOverview,
    findings_of,
    invisible_to_readers,
    tag_count_overview,
)

router: Final = APIRouter(prefix="/count/tags", include_in_schema=False)
_PRINTED_MAX: Final = 1000
_EXPORTED_MAX: Final = 100_000
_INVISIBLE: Final = N_(
    "What no reader can see: %(products)s products have something here whose tag the books do not know"
    " (%(packs)s packs, and what stands loose). It is counted by hand."
)


@router.get("/{tag_count_id}/report.pdf")
def report_pdf(request: Request, person: Looker, tag_count_id: uuid.UUID) -> Response:
    """Biên bản kiểm đếm RFID."""
    web = web_of(request)
    speech = web.speech_in("vi")
    with web.services.pool.connection() as connection:
        head = _head(connection, tag_count_id)
        found = _findings(connection, tag_count_id, _PRINTED_MAX)
        names = _Names(connection, speech)
        numbers = (head.summary or {}).get("numbers", {})
        invisible = invisible_to_readers(connection, head.accounts)
        minutes = TagCountMinutes(
            place=", ".join(names.said(one) for one in head.accounts),
            started_at=speech.local(head.frozen_at),
            ended_at=speech.local(head.closed_at) if head.closed_at else None,
            started_by=names.person(head.started_by),
            closed_by=names.person(head.closed_by),
            expected=head.expected,
            numbers=tuple((speech.text(word), numbers.get(code, 0)) for code, word, _means in count_words.OUTCOMES),
            passes=head.passes,
            invisible=_said_invisible(speech, len(invisible), sum(one.packs for one in invisible)),
            lines=tuple(_line(code, one, speech, names) for code, one in found),
            left_out=max(0, sum(count for code, count in numbers.items() if code != "seen") - len(found)),
        )
        data = tag_count_minutes_pdf(minutes, letterhead(connection, request, person))
    return pdf(data, f"kiem-dem-rfid-{speech.local(head.frozen_at):%Y%m%d-%H%M}")


@router.get("/{tag_count_id}/tags.csv")
def tags_csv(request: Request, _person: Looker, tag_count_id: uuid.UUID) -> Response:
    """Every tag that is not simply seen where the books have it."""
    web = web_of(request)
    speech = web.speech(request)
    with web.services.pool.connection() as connection:
        head = _head(connection, tag_count_id)
        found = _findings(connection, tag_count_id, _EXPORTED_MAX)
        names = _Names(connection, speech)
        rows = [_row(code, one, speech, names) for code, one in found]
    texts = (
        *(N_("What"), N_("Tag"), N_("Serial number"), N_("Code"), N_("Product"), N_("Lot"), N_("Base unit")),
        *(N_("By the books"), N_("Read at"), N_("How sure"), N_("Decision"), N_("By"), N_("Confirmed by")),
        *(N_("Reason"), N_("Note")),
    )
    values = (N_("Quantity"), N_("Passes that saw it"), N_("Passes"))
    day = speech.local(head.frozen_at)
    return csv_download(f"kiem-dem-rfid-{day:%Y%m%d-%H%M}.csv", speech, texts, values, rows)


class _Names:
    """Names of places and people, looked up once."""

    def __init__(self, connection: Connection, speech: Speech) -> None:
        rows = connection.execute("SELECT account_id FROM stock_account WHERE place_id IS NOT NULL")
        names = account_names(connection, [str(row[0]) for row in rows])
        self._names = {account: speech.named(*both) for account, both in names.items()}
        self._speech, self._people = speech, people_said(connection)

    def person(self, username: str | None) -> str:
        """By name; empty for nobody."""
        return self._people.get(username or "", username or "")

    def said(self, account_id: str | None) -> str:
        """In the reader's language; empty for none."""
        if account_id is None:
            return ""
        outside = OUTSIDE.get(account_id)
        return self._speech.text(outside) if outside else self._names.get(account_id, account_id)


def _head(connection: Connection, tag_count_id: uuid.UUID) -> TagCountOverview:
    head = tag_count_overview(connection, tag_count_id)
    if head is None:
        raise not_found(N_("There is no such RFID count. Choose one from the list."))
    return head


def _findings(connection: Connection, tag_count_id: uuid.UUID, limit: int) -> list[tuple[str, FindingShown]]:
    """By outcome, in the order of the tabs."""
    found: list[tuple[str, FindingShown]] = []
    for code, _word, _means in count_words.OUTCOMES:
        page = findings_of(connection, tag_count_id, code, limit=max(0, limit - len(found)))
        found += [(code, one) for one in page.findings]
    return found


def _said_invisible(speech: Speech, products: int, packs: int) -> str:
    if not products:
        return ""
    return speech.text(_INVISIBLE, products=speech.whole(products), packs=speech.whole(packs))


def _outcome(code: str, speech: Speech) -> str:
    return next(speech.text(word) for one, word, _means in count_words.OUTCOMES if one == code)


def _decided(one: FindingShown, speech: Speech) -> str:
    return speech.text(count_words.DECISIONS[one.decision]) if one.decision else ""


def _line(code: str, one: FindingShown, speech: Speech, names: _Names) -> TagLine:
    unit = speech.named(one.base_unit_vi or "", one.base_unit_en or "")
    return TagLine(
        outcome=_outcome(code, speech),
        product_name=one.name_vi or "",
        lot=one.lot or "",
        pack=one.serial_number or one.epc,
        quantity="" if one.units is None else f"{speech.whole(one.units)} {unit}",
        by_the_books=names.said(one.account_id),
        read_at=", ".join(names.said(place) for place in one.seen_at),
        passes=f"{one.passes_seen}/{one.passes_made}",
        decision=": ".join(text for text in (_decided(one, speech), one.reason_vi) if text),
        people=", ".join(names.person(name) for name in (one.decided_by, one.confirmed_by) if name),
        strong=one.control_class != "none" or one.decision == "missing",
    )


def _row(code: str, one: FindingShown, speech: Speech, names: _Names) -> tuple[Cell, ...]:
    return (
        *(_outcome(code, speech), one.epc, one.serial_number, one.product_id),
        *(speech.named(one.name_vi or "", one.name_en or ""), one.lot),
        *(speech.named(one.base_unit_vi or "", one.base_unit_en or ""), names.said(one.account_id)),
        ", ".join(names.said(place) for place in one.seen_at),
        speech.text(count_words.CONFIDENCE[one.confidence][1]),
        *(_decided(one, speech), names.person(one.decided_by), names.person(one.confirmed_by)),
        *(speech.named(one.reason_vi or "", one.reason_en or ""), one.reason_note),
        *(one.units, one.passes_seen, one.passes_made),
    )
