"""What the pages of counting share: one page with its words, who may act, and a scan said to the person who scanned."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api.access import RolesRequired
from gateway.api.web import web_of
from gateway.api.work_kit import WORK_ROLES, problem_of
from gateway.db.pool import Connection
from gateway.pages import count_words, work_out_kit
from gateway.services.live_events import NewLiveEvent, publish
from gateway.services.roles import STOCK_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock.errors import WarehouseError
from gateway.stock.stocktake_overview import account_names
from inventory.errors import InventoryError

Looker = Annotated[SignedIn, Depends(RolesRequired(STOCK_ROLES))]
"""Who may look at counts."""
TAG_COUNT: Final = "tag_count"
"""Kind of the live event that tells of a pass, a comparison or a decision of an RFID count."""


def show(
    request: Request, person: SignedIn, template: str, values: Mapping[str, Any], *, problem: str = ""
) -> HTMLResponse:
    """The page; with a problem, and what mends it, on top."""
    with web_of(request).services.pool.connection() as connection:
        people = people_said(connection)
    common = {
        "people": people,
        "words": count_words,
        "count_navigation": count_words.NAVIGATION,
        "may_count": person.may(*WORK_ROLES),
    }
    return work_out_kit.show(request, template, {**common, **values}, problem=problem, reasons="count")


def attempt(request: Request, act: Callable[[Connection], str], again: Callable[[str], HTMLResponse]) -> Response:
    """Do it and go to the address that it answers; refused: the page again, with the reason and what mends it."""
    return work_out_kit.attempt(request, act, again)


def said_of(request: Request, error: WarehouseError | InventoryError) -> str:
    """A refusal in the reader's language."""
    return work_out_kit.said(request, problem_of(error))


def people_said(connection: Connection) -> dict[str, str]:
    """Names of people by their user names."""
    rows = connection.execute("SELECT username, display_name FROM login_account")
    return {str(row[0]): str(row[1]) for row in rows}


def places_said(request: Request, connection: Connection, accounts: Sequence[str]) -> dict[str, str]:
    """Names of places in the reader's language, by account, in the order of the Vietnamese names."""
    speech = web_of(request).speech(request)
    return {account: speech.named(*names) for account, names in account_names(connection, accounts).items()}


def announce(connection: Connection, tag_count_id: uuid.UUID) -> None:
    """Tell the pages of an RFID count that it has changed."""
    with connection.transaction():
        publish(connection, [NewLiveEvent("pharmacy", TAG_COUNT, {"tag_count_id": str(tag_count_id)})])
