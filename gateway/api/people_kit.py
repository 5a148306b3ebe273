"""Who reads people's data in a request: the signed-in person, the purpose, and from where."""

from fastapi import Request

from gateway.api.web import person_of, web_of
from gateway.people.people import Reading
from gateway.people.person import Reader


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
