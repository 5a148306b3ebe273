"""What the pages of visits share: their menu, showing a page with what was refused, and one form for every step."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, get_args

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from gateway.api.visit_queues import Act, StepGiven, take
from gateway.api.visits_kit import acting_of, told_pages
from gateway.api.web import web_of
from gateway.db.pool import Connection
from gateway.pages import visit_words as words
from gateway.pages.translations import N_
from gateway.services.roles import ADMIN_ROLES, DESK_ROLES, QUEUE_ROLES, Role
from gateway.services.sessions import SignedIn
from gateway.visits.entries import Entry

VISIT_NAVIGATION: Final[tuple[tuple[str, str, frozenset[Role]], ...]] = (
    ("/desk/walk-in", N_("Without a card"), DESK_ROLES),
    ("/queues", N_("Queues"), QUEUE_ROLES),
    ("/rooms", N_("Rooms"), QUEUE_ROLES),
    ("/desk/appointments", N_("Appointments"), DESK_ROLES),
    ("/desk/load", N_("Load"), QUEUE_ROLES | ADMIN_ROLES | {Role.VIEWER}),
    ("/desk/boards", N_("Boards"), DESK_ROLES | ADMIN_ROLES),
    ("/admin/clinics", N_("Clinics and doors"), ADMIN_ROLES),
)
_ACTS: Final = frozenset(get_args(Act))
_PATIENTS_MAX: Final = 20


@dataclass(frozen=True)
class VisitForm:
    """A form as the browser sent it."""

    fields: Mapping[str, str]
    """Without those left empty."""
    patient_ids: tuple[uuid.UUID, ...] = ()
    """Of a form with one tick for each child."""

    def event_id(self) -> uuid.UUID:
        """The id that the form carries.

        Raises:
            ValueError: none.
        """
        return uuid.UUID(self.fields.get("event_id", ""))

    def entry_id(self) -> uuid.UUID:
        """Of the place in the queue that the form is about.

        Raises:
            ValueError: none.
        """
        return uuid.UUID(self.fields.get("entry_id", ""))


async def _posted(request: Request) -> VisitForm:
    form = await request.form()
    texts = {name: value.strip() for name, value in form.items() if isinstance(value, str) and value.strip()}
    ids = []
    for value in form.getlist("patient_id")[:_PATIENTS_MAX]:
        try:
            ids.append(uuid.UUID(str(value)))
        except ValueError:
            continue
    return VisitForm(texts, tuple(ids))


PostedVisit = Annotated[VisitForm, Depends(_posted)]


def show_visit_page(
    request: Request, template: str, values: Mapping[str, Any], *, problem: str = "", status: HTTPStatus = HTTPStatus.OK
) -> HTMLResponse:
    """The page; with a problem on top it is an answer 422."""
    common = {
        "visit_navigation": VISIT_NAVIGATION,
        "words": words,
        "problem": problem,
        "new_id": uuid.uuid4(),
    }
    wrong = HTTPStatus.UNPROCESSABLE_ENTITY if problem else status
    return web_of(request).page(request, template, {**common, **values}, status=wrong)


def take_step(
    request: Request, connection: Connection, person: SignedIn, entry_id: uuid.UUID, form: VisitForm
) -> Entry:
    """The step that a form asks for; pages are told.

    Raises:
        ValueError: a field is not what the form has.
        VisitRefusedError: it can't be done.
    """
    fields = form.fields
    if fields.get("act") not in _ACTS:
        raise ValueError("no such act")
    names = ("event_id", "act", "room_id", "clinic_id", "priority", "undoes_event_id")
    given = StepGiven.model_validate({name: fields[name] for name in names if name in fields})
    return told_pages(connection, take(connection, entry_id, acting_of(request, person, given), given))
