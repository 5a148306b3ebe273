"""The audit of people's data in the JSON API: who read whom, and what has to be reviewed. Pseudonyms only."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from gateway.api.access import RolesRequired
from gateway.api.people_models import ReviewGiven
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import WORK_PROBLEMS, refusals
from gateway.people.audit_chain import AuditState, verify_audit
from gateway.people.audit_reads import AuditEntry, AuditFilter, entries, review
from gateway.services.roles import ADMIN_ROLES
from gateway.services.sessions import SignedIn

router: Final = APIRouter(prefix=f"{PREFIX}/people-audit", tags=["people"], responses=WORK_PROBLEMS)
Admin = Annotated[SignedIn, Depends(RolesRequired(ADMIN_ROLES))]


@router.get("", summary="Who read patients' data, the newest first")
def list_entries(
    *,
    request: Request,
    person: Admin,
    username: Annotated[str | None, Query(max_length=64)] = None,
    patient_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    only_break_glass: bool = False,
    before: Annotated[int | None, Query(ge=1, description="Only rows with a smaller id: the next page")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[AuditEntry]:
    """Of a patient's merged records all are meant."""
    del person
    services = web_of(request).services
    wanted = AuditFilter(username, patient_id, since, until, only_break_glass)
    with services.pool.connection() as connection:
        return entries(connection, services.people.keys, wanted, limit=limit, before=before)


@router.get("/state", summary="Whether the audit's seals hold")
def state(request: Request, person: Admin) -> AuditState:
    """Every seal is compared with its rows."""
    del person
    services = web_of(request).services
    with services.pool.connection() as connection:
        return verify_audit(connection, services.people.keys)


@router.post("/{audit_id}/review", summary="Say what came of looking at a break-glass read", status_code=204)
def review_read(request: Request, person: Admin, audit_id: int, body: ReviewGiven) -> None:
    """Once."""
    services = web_of(request).services
    with refusals(), services.pool.connection() as connection:
        review(connection, audit_id, body.finding, person.username, services.clock())
