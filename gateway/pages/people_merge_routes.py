"""Pages of records that may be one person: suggestions, side by side, merges and their undoing."""

from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api.people_kit import reader_of
from gateway.api.web import web_of
from gateway.api.work_kit import problem_of
from gateway.db.pool import Connection
from gateway.pages.people_kit import attempt, record_path, show
from gateway.pages.people_routes import Form, Registrar
from gateway.people.duplicates import pairs
from gateway.people.merging import CHOSEN, Side, merges
from gateway.people.person import Patient
from gateway.stock.errors import WorkNotFoundError
from gateway.stock.names import names_of

router: Final = APIRouter(prefix="/patients", include_in_schema=False)


@router.get("/duplicates")
def duplicates_page(request: Request, person: Registrar) -> HTMLResponse:
    """Records with one name and one birth date, and the merges so far."""
    del person
    return _duplicates(request)


@router.get("/{patient_id}/merge/{other_id}")
def side_by_side(request: Request, person: Registrar, patient_id: UUID, other_id: UUID) -> HTMLResponse:
    """Both records; a choice for each value that differs."""
    del person
    return _side_by_side(request, patient_id, other_id)


@router.post("/{patient_id}/merge/{other_id}")
def merge(request: Request, person: Registrar, patient_id: UUID, other_id: UUID, form: Form) -> Response:
    """The second into the first."""
    del person
    people = web_of(request).services.people
    chosen: dict[str, Side] = {
        name: "merged" if form[name] == "merged" else "survivor" for name in CHOSEN if name in form
    }

    def act(connection: Connection) -> str:
        people.merge(connection, patient_id, other_id, chosen, reader_of(request, "desk"))
        return record_path(patient_id)

    return attempt(request, act, lambda problem: _side_by_side(request, patient_id, other_id, problem))


@router.post("/merges/{merge_id}/undo")
def undo(request: Request, person: Registrar, merge_id: UUID) -> Response:
    """Two records again."""
    del person
    people = web_of(request).services.people

    def act(connection: Connection) -> str:
        found = people.undo_merge(connection, merge_id, reader_of(request, "desk"))
        return record_path(found.survivor_id)

    return attempt(request, act, lambda problem: _duplicates(request, problem))


def _duplicates(request: Request, problem: str = "") -> HTMLResponse:
    services = web_of(request).services
    with services.pool.connection() as connection:
        groups = pairs(connection)
        done = merges(connection, limit=50)
        ids = {one for group in groups for one in group} | {one.survivor_id for one in done}
        known = services.people.read(connection, ids, reader_of(request, "find"))
        names = names_of(connection, (), (), {one.merged_by for one in done} | {one.undone_by or "" for one in done})
    values = {"groups": groups, "merges": done, "known": known, "people": names.people}
    return show(request, "people_duplicates.html", values, problem=problem)


def _side_by_side(request: Request, patient_id: UUID, other_id: UUID, problem: str = "") -> HTMLResponse:
    services = web_of(request).services
    with services.pool.connection() as connection:
        found = services.people.read(connection, [patient_id, other_id], reader_of(request, "record"))
        if {patient_id, other_id} - set(found):
            raise problem_of(WorkNotFoundError("unknown_patient", "one of the two is not known here"))
        counts = {one: _counts(connection, one) for one in (patient_id, other_id)}
    mine, theirs = found[patient_id], found[other_id]
    values = {
        "mine": mine,
        "theirs": theirs,
        "names": CHOSEN,
        "better": {name: _better(mine, theirs, name) for name in CHOSEN},
        "counts": counts,
        "undo_days": services.people.undo_merge_within.days,
    }
    return show(request, "people_merge.html", values, problem=problem)


def _better(mine: Patient, theirs: Patient, name: str) -> Side:
    """What is proposed: the survivor's, unless it says nothing."""
    value = getattr(mine, name)
    nothing = value is None or (name in {"sex", "identity_confidence"} and value == "unknown")
    return "merged" if nothing and getattr(theirs, name) is not None else "survivor"


def _counts(connection: Connection, patient_id: UUID) -> tuple[int, int, int]:
    """Visits, cards and documents of goods under this record."""
    row = connection.execute(
        "WITH them AS MATERIALIZED (SELECT a FROM canonical_patient(%s) c, patient_aliases(c) a)"
        " SELECT (SELECT count(*) FROM visit WHERE patient_id IN (SELECT a FROM them)),"
        " (SELECT count(*) FROM card WHERE patient_id IN (SELECT a FROM them)),"
        " (SELECT count(*) FROM stock_document WHERE patient_id IN (SELECT a FROM them))",
        (patient_id,),
    ).fetchone()
    return (0, 0, 0) if row is None else (row[0], row[1], row[2])
