"""The catalogue in the JSON API: search, one product, places, what runs short, and the import of files."""

from dataclasses import asdict
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response, UploadFile
from pydantic import BaseModel, Field

from gateway.api.access import RolesRequired
from gateway.api.problems import not_found
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.pages.catalogue_words import words_of
from gateway.pages.speech import Speech
from gateway.pages.translations import N_
from gateway.services.app_services import AppServices
from gateway.services.roles import STOCK_ROLES, Role
from gateway.services.sessions import SignedIn
from gateway.stock import catalogue
from gateway.stock.catalogue_import import ImportRequest, import_catalogue
from gateway.stock.import_report import Change, ImportReport, Verdict
from gateway.stock.table_file import BYTES_MAX
from inventory.catalogue_columns import ImportKind
from inventory.catalogue_row import Finding

CATALOGUE_ROLES: Final = frozenset({Role.PHARMACIST})
"""Who may change what the hospital's medicines are."""
OUTCOMES_SHOWN: Final = 1000
router: Final = APIRouter(prefix=f"{PREFIX}/catalogue", tags=["stock"])
_READERS: Final = RolesRequired(STOCK_ROLES)


class SearchAnswer(BaseModel):
    """What was found."""

    exact: list[str] = Field(description="Products that have this very code; they come first among the products")
    products: list[catalogue.ProductLine]


class FindingAnswer(BaseModel):
    """Something wrong with a file, or worth a look, in the reader's language."""

    row: int = Field(description="From 1; 0: the whole file")
    column: str
    code: str
    value: str
    expected: str
    mend: str
    severity: str


class OutcomeAnswer(BaseModel):
    """What becomes of one row."""

    row: int
    key: str
    verdict: Verdict
    changes: list[Change]


class ImportAnswer(BaseModel):
    """What was found in a file and what came of it."""

    kind: ImportKind
    file_name: str
    file_sha256: str
    read_as: str
    rows: int
    new: int
    changed: int
    same: int
    problems: int
    hints: int
    dry_run: bool
    written: bool
    findings: list[FindingAnswer]
    outcomes: list[OutcomeAnswer] = Field(description="Rows that are new or change; at most 1000")


def today_of(services: AppServices) -> date:
    """The hospital's day."""
    return services.clock().astimezone(ZoneInfo(services.config.time_zone)).date()


@router.get("/products", summary="Find products by word, code or scan", dependencies=[Depends(_READERS)])
def products(
    request: Request,
    q: Annotated[str, Query(max_length=300, description="Words without accents, a code, or what a scanner sent")] = "",
    retired: Annotated[bool, Query(description="Retired products too")] = False,
    limit: Annotated[int, Query(ge=1, le=2000)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> SearchAnswer:
    """Exact codes first, then what begins with the words, then by name."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        found = catalogue.search_products(
            connection, q, today_of(services), retired=retired, limit=limit, offset=offset
        )
    return SearchAnswer(exact=list(found.exact), products=list(found.products))


@router.get("/products/{product_id:path}", summary="One product whole", dependencies=[Depends(_READERS)])
def product(request: Request, product_id: str) -> catalogue.Product:
    """With its registration numbers, packs, lots where they stand, and levels."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        found = catalogue.read_product(connection, product_id, today_of(services))
    if found is None:
        raise not_found(N_("There is no such product in the catalogue."))
    return found


@router.get("/places", summary="The tree of places", dependencies=[Depends(_READERS)])
def places(request: Request) -> list[catalogue.CountedPlace]:
    """Each place behind the one that it stands in."""
    with web_of(request).services.pool.connection() as connection:
        return catalogue.counted_places(connection)


@router.get("/below-reorder-point", summary="What runs short", dependencies=[Depends(_READERS)])
def below_reorder_point(
    request: Request,
    place_id: Annotated[str | None, Query(max_length=63)] = None,
    limit: Annotated[int, Query(ge=1, le=2000)] = 500,
) -> list[catalogue.LevelLine]:
    """At or below the reorder point, or below the minimum; the shortest first."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        return catalogue.below_reorder_point(connection, today_of(services), place_id=place_id, limit=limit)


@router.post("/imports", summary="Import a file, or say what that would do")
def imports(
    *,
    request: Request,
    response: Response,
    person: Annotated[SignedIn, Depends(RolesRequired(CATALOGUE_ROLES))],
    kind: Annotated[ImportKind, Query()],
    file: UploadFile,
    dry_run: Annotated[bool, Query(description="Write nothing")] = False,
) -> ImportAnswer:
    """The whole file or nothing; the same file again changes nothing. 422 with the list where rows are wrong."""
    web = web_of(request)
    report = bring_file(web.services, file, kind, person.username, dry_run=dry_run)
    if not report.ok:
        response.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    return answer_of(report, web.speech(request))


def bring_file(
    services: AppServices, file: UploadFile, kind: ImportKind, username: str, *, dry_run: bool
) -> ImportReport:
    """Take over what a browser or program has sent."""
    import_request = ImportRequest(
        kind=kind,
        data=file.file.read(BYTES_MAX + 1),
        file_name=file.filename or "",
        person=username,
        now=services.clock(),
        client="web",
        dry_run=dry_run,
        zone=ZoneInfo(services.config.time_zone),
    )
    with services.pool.connection() as connection:
        return import_catalogue(connection, import_request)


def answer_of(report: ImportReport, speech: Speech) -> ImportAnswer:
    """The report with its words."""
    shown = [outcome for outcome in report.outcomes if outcome.verdict != "same"][:OUTCOMES_SHOWN]
    values: dict[str, Any] = {
        name: getattr(report, name) for name in ImportAnswer.model_fields if name not in {"findings", "outcomes"}
    }
    return ImportAnswer(
        findings=[say_finding(finding, speech) for finding in report.findings],
        outcomes=[OutcomeAnswer(**asdict(outcome)) for outcome in shown],
        **values,
    )


def say_finding(finding: Finding, speech: Speech) -> FindingAnswer:
    """A finding in the reader's language."""
    words = words_of(finding)
    return FindingAnswer(
        row=finding.row,
        column=finding.column,
        code=finding.code,
        value=finding.value,
        expected=speech.text(words.what, **finding.values),
        mend=speech.text(words.mend, **finding.values),
        severity=finding.severity,
    )
