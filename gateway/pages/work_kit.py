"""Work pages: one scan field, lines, one document. What they have in common, and the list of them.

A page is data (`WorkPage`) and a template that fills `work.html`'s block `head` with its own fields. The script
`static/work.js` turns scans into lines and sends the fields named in the head, `document_id` and the lines to the
page's API address. Without scripts the same form is posted to the page itself, with one code a line.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse

from gateway.api.stock_catalogue import today_of
from gateway.api.web import web_of
from gateway.db.pool import Connection
from gateway.pages import count_words, work_out_words
from gateway.pages.pharmacy_view import EXPIRES_SOON
from gateway.pages.translations import N_
from gateway.services.roles import Role
from gateway.stock.catalogue import place_tree

WORK_ROLES: Final = frozenset({Role.PHARMACIST})


@dataclass(frozen=True)
class WorkPage:
    """One kind of work. Texts are msgids."""

    act: str
    """Name of it, for drafts and tests."""
    path: str
    """Address of the page."""
    title: str
    explain: str
    post: str
    """Address in the API that takes the document."""
    template: str
    take_from: str = ""
    """Name of the head's field with the place that goods are taken from: then scans say what stands there."""
    sides: tuple[str, ...] = ("lines",)
    """Names of the groups of lines in the API."""
    may_be_empty: bool = False
    """A document without lines says something too."""
    by_product: bool = False
    """A line is so much of a product; which lot is not said here."""
    then: str = ""
    """Address to go on to when the document is saved, with `{document_id}`; empty: the next document."""
    see: str = ""
    """What the link to what was saved leads to; empty: to the document."""
    menu: str = ""
    """Address of the menu's entry that it belongs to, if it is none itself."""


@dataclass(frozen=True)
class Reason:
    """One to choose from."""

    reason_code: str
    name_vi: str
    name_en: str


WORK_NAVIGATION: Final[tuple[tuple[str, str], ...]] = (
    ("/work", N_("Documents")),
    ("/work/orders", N_("Orders")),
    ("/work/receive", N_("Receive")),
    ("/work/put-away", N_("Put away")),
    ("/work/transfer", N_("Transfer")),
    ("/work/return", N_("Return from a ward")),
    ("/work/return-to-supplier", N_("Return to the supplier")),
    ("/work/repack", N_("Repack")),
    ("/work/adjust", N_("Adjust")),
    *work_out_words.NAVIGATION,
    *count_words.IN_THE_WORK_MENU,
)
"""(address, msgid) of the pages, in the order of a day."""


def reasons_for(connection: Connection, applies_to: str) -> list[Reason]:
    """What a person may choose, in a fixed order."""
    rows = connection.execute(
        "SELECT reason_code, name_vi, name_en FROM reason WHERE applies_to = %s ORDER BY reason_code", (applies_to,)
    )
    return [Reason(*row) for row in rows]


def show_work(
    request: Request,
    page: WorkPage,
    values: Mapping[str, Any],
    *,
    draft: str = "",
    problem: str = "",
    expected: Sequence[Mapping[str, Any]] = (),
    status: HTTPStatus = HTTPStatus.OK,
) -> HTMLResponse:
    """The page, with a document id of its own for a browser without scripts.

    Args:
        request: whose language and person it is for.
        page: which work.
        values: what its template needs besides.
        draft: names a draft of its own, where one page serves several things, such as orders.
        problem: why what was posted without scripts was refused.
        expected: lines to be taken over with F4, as `LineRead` has them.
        status: of the answer.
    """
    web = web_of(request)
    with web.services.pool.connection() as connection:
        places = [place for place in place_tree(connection) if place.kind in {"store", "fridge", "shelf", "ward"}]
    common = {
        "work": page,
        "draft": f"{page.act}:{draft}" if draft else page.act,
        "document_id": uuid.uuid4(),
        "work_navigation": WORK_NAVIGATION,
        "places": places,
        "problem": problem,
        "expected": list(expected),
        "today": today_of(web.services),
        "soon": EXPIRES_SOON,
    }
    return web.page(request, page.template, {**common, **values}, status=status)
