"""The cold chain for programs: rules, what packs went through, loggers' reports, what is decided about held goods."""

import uuid
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response, UploadFile
from pydantic import BaseModel, Field

from gateway.api.access import RolesRequired
from gateway.api.problems import not_found
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import WORK_PROBLEMS, Worker, letterhead, now_of, pdf, refusals, zone_of
from gateway.cold_chain import assessment, logger_import, rule_changes, thermal_history
from gateway.cold_chain.assessment import Assessment, Decision, HeldLine
from gateway.cold_chain.logger_import import NewReport, ReportLine
from gateway.cold_chain.papers import assessment_paper, history_paper
from gateway.cold_chain.rule_book import rule_json, watches
from gateway.cold_chain.rule_changes import PreviewPlace, RuleChange, Scope
from gateway.cold_chain.thermal_history import ThermalHistory
from gateway.pages.translations import N_
from gateway.reports.thermal_history_paper import assessment_pdf, history_pdf
from gateway.services.roles import COLD_CHAIN_ROLES, Role
from gateway.services.sessions import SignedIn
from gateway.stock.errors import WorkRefusedError
from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.rule import Mode, Rule, Severity, Side

RULE_ROLES: Final = frozenset({Role.ADMIN, Role.PHARMACIST})
"""Who may change by what places are judged."""
RuleEditor = Annotated[SignedIn, Depends(RolesRequired(RULE_ROLES))]
Viewer = Annotated[SignedIn, Depends(RolesRequired(COLD_CHAIN_ROLES))]
READERS: Final = [Depends(RolesRequired(COLD_CHAIN_ROLES))]
RuleReader = Annotated[SignedIn, Depends(RolesRequired(COLD_CHAIN_ROLES | RULE_ROLES))]
_MB: Final = 20_000_000
router: Final = APIRouter(prefix=f"{PREFIX}/cold-chain", tags=["cold chain"], responses=WORK_PROBLEMS)


class RuleGiven(BaseModel):
    """A rule as a program or a page sends it."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    side: Side
    threshold: Annotated[float, Field(ge=-273.15, le=1000, description="Degrees Celsius")]
    inclusive: bool = False
    mode: Mode = "consecutive"
    minutes: Annotated[float, Field(ge=0, le=525_600)]
    hysteresis: Annotated[float, Field(ge=0, le=50)] = 0.0
    severity: Severity = "critical"
    source: Annotated[str, Field(max_length=300)] = ""
    holds_stock: bool = True

    def rule(self) -> Rule:
        """Valid.

        Raises:
            WorkRefusedError: `rule_wrong`.
        """
        try:
            return Rule(**self.model_dump())
        except ColdChainError as error:
            raise WorkRefusedError("rule_wrong", str(error)) from None


class ScopeGiven(BaseModel):
    """A storage class, or a place."""

    storage_class: Literal["room", "cool", "refrigerator", "freezer", "ultra_cold"] | None = None
    place_id: Annotated[str | None, Field(max_length=63)] = None

    def scope(self) -> Scope:
        """For the services."""
        return Scope(self.storage_class, self.place_id)


class ChangeGiven(ScopeGiven):
    """A change of one rule."""

    rule_name: Annotated[str, Field(min_length=1, max_length=100)]
    action: rule_changes.Action
    rule: RuleGiven | None = None
    why: Annotated[str, Field(max_length=500)]


class PreviewGiven(ScopeGiven):
    """A rule to be tried."""

    rule: RuleGiven


class WatchAnswer(BaseModel):
    """A rule that watches a thermometer now."""

    device_key: int
    place_id: str
    storage_class: str | None
    """Only goods of this class are meant."""
    interval_s: float
    rule: dict[str, Any]


class AssessmentGiven(BaseModel):
    """What one person proposes."""

    assessment_id: uuid.UUID
    decisions: Annotated[dict[uuid.UUID, Decision], Field(min_length=1, max_length=5000)]
    reason: Annotated[str, Field(max_length=500)]


@router.get("/rules", summary="Rules that watch now")
def rules(request: Request, person: RuleReader) -> list[WatchAnswer]:
    """Of every thermometer, those of goods of other classes included."""
    del person
    with web_of(request).services.pool.connection() as connection:
        return [
            WatchAnswer(
                device_key=watch.device_key,
                place_id=watch.place_id,
                storage_class=watch.storage_class,
                interval_s=watch.interval_s,
                rule=rule_json(watch.rule),
            )
            for watch in watches(connection)
        ]


@router.get("/rules/changes", summary="Who changed which rule and why")
def rule_history(
    request: Request, person: RuleReader, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[RuleChange]:
    """Newest first."""
    del person
    with web_of(request).services.pool.connection() as connection:
        return rule_changes.changes(connection, limit)


@router.post("/rules", summary="Change a rule", status_code=HTTPStatus.NO_CONTENT)
def change(request: Request, person: RuleEditor, body: ChangeGiven) -> None:
    """Of a class or of a place; it counts from the next reading on."""
    take_change(request, person, body)


def take_change(request: Request, person: SignedIn, body: ChangeGiven) -> None:
    """For the page too.

    Raises:
        Problem: it can't be changed so.
    """
    with refusals(), web_of(request).services.pool.connection() as connection:
        rule = body.rule.rule() if body.rule is not None else None
        if (body.action == "set") != (rule is not None) or (rule is not None and rule.name != body.rule_name):
            raise WorkRefusedError("rule_wrong", f"rule {body.rule_name!r}: {body.action} with {rule!r}")
        rule_changes.change_rule(
            connection,
            body.scope(),
            body.rule_name,
            body.action,
            rule,
            by_whom=person.username,
            why=body.why,
            now=now_of(request),
        )


@router.post("/rules/preview", summary="What a rule would have said of the last 30 days")
def preview(request: Request, person: RuleEditor, body: PreviewGiven) -> list[PreviewPlace]:
    """In the place, or in places of the class; by the extremes of each minute."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        return rule_changes.preview(connection, body.scope(), body.rule.rule(), now_of(request))


@router.get("/packs/{gtin}/{serial_number}", summary="What a pack went through", dependencies=READERS)
def pack_history(request: Request, gtin: str, serial_number: str) -> ThermalHistory:
    """From the receipt, or the logger before it, to now."""
    with web_of(request).services.pool.connection() as connection:
        found = thermal_history.of_pack(connection, gtin, serial_number, now_of(request))
    if found is None:
        raise not_found(N_("The books know no such pack."))
    return found


@router.get("/lots", summary="What the units of a lot went through", dependencies=READERS)
def lot_history(
    request: Request,
    product_id: Annotated[str, Query(max_length=64)],
    lot: Annotated[str, Query(max_length=64)] = "",
) -> ThermalHistory:
    """Of units that can't be told apart: the worst, for each place where some stand."""
    with web_of(request).services.pool.connection() as connection:
        found = thermal_history.of_lot(connection, product_id, lot, now_of(request))
    if found is None:
        raise not_found(N_("The books know no such lot."))
    return found


@router.get("/packs/{gtin}/{serial_number}/history.pdf", summary="The same on paper", response_class=Response)
def pack_paper(request: Request, person: Viewer, gtin: str, serial_number: str) -> Response:
    """In Vietnamese."""
    return print_history(request, person, pack_history(request, gtin, serial_number))


@router.get("/lots/history.pdf", summary="The same on paper", response_class=Response)
def lot_paper(
    request: Request,
    person: Viewer,
    product_id: Annotated[str, Query(max_length=64)],
    lot: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """In Vietnamese."""
    return print_history(request, person, lot_history(request, product_id, lot))


def print_history(request: Request, person: SignedIn, history: ThermalHistory) -> Response:
    """The sheet."""
    with web_of(request).services.pool.connection() as connection:
        paper = history_paper(connection, history, zone_of(request))
        return pdf(history_pdf(paper, letterhead(connection, request, person)), "lich-su-nhiet-do")


@router.get("/logger-reports", summary="Reports of loggers", dependencies=READERS)
def logger_reports(request: Request) -> list[ReportLine]:
    """Newest first."""
    with web_of(request).services.pool.connection() as connection:
        return logger_import.reports(connection)


@router.post("/logger-reports", summary="Bring a logger's report", status_code=HTTPStatus.CREATED)
def bring_report(
    request: Request,
    person: Worker,
    file: UploadFile,
    document_id: Annotated[uuid.UUID | None, Form()] = None,
    place_id: Annotated[str | None, Form(max_length=63)] = None,
) -> ReportLine:
    """It is kept whatever it is worth; `outcome` says whether it counts."""
    new = NewReport(
        uuid.uuid4(),
        file.filename or "",
        file.file.read(_MB + 1),
        person.username,
        zone_of(request),
        document_id,
        place_id,
    )
    with refusals(), web_of(request).services.pool.connection() as connection:
        return logger_import.import_report(connection, new, now_of(request))


@router.get("/logger-reports/{report_id}/file", summary="The file as it came", response_class=Response)
def report_file(request: Request, person: Viewer, report_id: uuid.UUID) -> Response:
    """To be looked at by others."""
    del person
    with web_of(request).services.pool.connection() as connection:
        found = logger_import.raw_of(connection, report_id)
    if found is None:
        raise not_found(N_("There is no such report."))
    headers = {"Content-Disposition": f'attachment; filename="{report_id}.txt"', "Cache-Control": "no-store"}
    return Response(found[1], media_type="application/octet-stream", headers=headers)


@router.get("/excursions/{excursion_id}/held", summary="What of an excursion is held", dependencies=READERS)
def held(request: Request, excursion_id: uuid.UUID) -> list[HeldLine]:
    """Each with what it went through and what the figures advise."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        return assessment.held_lines(connection, excursion_id, now_of(request))


@router.post("/excursions/{excursion_id}/assessments", summary="Propose what becomes of it")
def propose(request: Request, person: Worker, excursion_id: uuid.UUID, body: AssessmentGiven) -> Assessment:
    """Nothing is released or destroyed before somebody else confirms."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        return assessment.propose(
            connection,
            body.assessment_id,
            excursion_id,
            body.decisions,
            reason=body.reason,
            person=person.username,
            now=now_of(request),
            zone=zone_of(request),
        )


@router.post("/assessments/{assessment_id}/confirm", summary="Confirm as the second person")
def confirm(request: Request, person: Worker, assessment_id: uuid.UUID) -> Assessment:
    """Released is free, destroyed is booked."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        return assessment.confirm(connection, assessment_id, person.username, now_of(request), zone_of(request))


@router.post("/assessments/{assessment_id}/cancel", summary="Take a proposal back")
def cancel(request: Request, person: Worker, assessment_id: uuid.UUID) -> Assessment:
    """The goods stay held."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        return assessment.cancel(connection, assessment_id, now_of(request))


@router.get("/assessments/{assessment_id}/minutes.pdf", summary="Minutes of an assessment", response_class=Response)
def minutes_paper(request: Request, person: Viewer, assessment_id: uuid.UUID) -> Response:
    """In Vietnamese; not before the second person confirmed."""
    with refusals(), web_of(request).services.pool.connection() as connection:
        one = assessment.read_assessment(connection, assessment_id)
        paper = assessment_paper(connection, one, zone_of(request))
        return pdf(assessment_pdf(paper, letterhead(connection, request, person)), "bien-ban-danh-gia")
