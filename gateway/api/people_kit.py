"""Who reads people's data in a request: the signed-in person, the purpose, and from where."""

from uuid import UUID

from fastapi import Request

from gateway.api.web import person_of, web_of
from gateway.db.pool import Connection
from gateway.people.duty import BY_PAPERS
from gateway.people.people import Reading
from gateway.people.person import Patient, Reader
from gateway.people.search import read_text
from gateway.stock.errors import WorkRefusedError


def reader_of(request: Request, purpose: str, break_glass_reason: str = "") -> Reader:
    """For the audit. The page's address is told without its query, which may say what was looked for.

    Raises:
        RuntimeError: the route does not ask who is signed in.
    """
    person = person_of(request)
    if person is None:
        raise RuntimeError(f"{request.url.path} reads people's data for nobody: declare who it is for")
    address = request.client.host if request.client else ""
    return Reader(person.username, purpose, break_glass_reason, f"{address} {request.url.path}".strip())


def reading_of(request: Request, purpose: str) -> Reading:
    """People, as this person reads them."""
    return Reading(web_of(request).services.people, reader_of(request, purpose))


def open_patient(connection: Connection, request: Request, patient_id: UUID, reason: str = "") -> None:
    """Make sure that the record may be seen: the patient is here now, or a reason is given, which is then written down.

    Raises:
        WorkRefusedError: `glass_closed`: not here now, as far as we know, and no reason.
        WorkNotFoundError: there is no such patient.
    """
    people, reader = web_of(request).services.people, reader_of(request, "record", reason)
    patient_id = people.canonical(connection, patient_id)
    if reader.break_glass_reason:
        people.note(connection, "read", reader, [patient_id])
    elif not people.on_duty(connection, reader.username, patient_id):
        raise WorkRefusedError("glass_closed", f"patient {patient_id} is not here now: say why it must be seen")


def search_people(connection: Connection, request: Request, text: str, limit: int = 20) -> list[Patient]:
    """Who has this number or name. Who comes with a number has papers in hand: that opens the record."""
    people = web_of(request).services.people
    numbers = [(kind, number) for kind, number in read_text(text).numbers if kind != "phone"]
    in_hand = any(people.find_exact(connection, kind, number) for kind, number in numbers)
    return people.search(connection, text, reader_of(request, BY_PAPERS if in_hand else "find"), limit)
