"""The catalogue's pages: search, one product, places with what runs short, and the import of files.

The search field has the focus on every one of them: a scanner types its code and Enter, and the product is there.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.access import RolesRequired
from gateway.api.problems import not_found
from gateway.api.stock_catalogue import CATALOGUE_ROLES, OUTCOMES_SHOWN, answer_of, bring_file, today_of
from gateway.api.web import web_of
from gateway.api.work_kit import WORK_ROLES
from gateway.pages import catalogue_words
from gateway.pages.pharmacy_view import EXPIRES_SOON
from gateway.pages.translations import N_
from gateway.services.roles import STOCK_ROLES
from gateway.services.sessions import SignedIn
from gateway.stock import catalogue
from inventory.catalogue_columns import COLUMNS, ImportKind

router: Final = APIRouter(prefix="/catalogue", include_in_schema=False)
_READERS: Final = RolesRequired(STOCK_ROLES)
_LINES_A_PAGE: Final = 100
_WORDS: Final = {
    "storage": catalogue_words.STORAGE,
    "control": catalogue_words.CONTROL,
    "place_kinds": catalogue_words.PLACE_KINDS,
    "soon": EXPIRES_SOON,
    "editors": CATALOGUE_ROLES,
    "workers": WORK_ROLES,
}


def _page(request: Request, template: str, values: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    web = web_of(request)
    return web.page(request, template, {"q": "", "today": today_of(web.services), **_WORDS, **values}, status=status)


@router.get("", dependencies=[Depends(_READERS)])
def search(
    request: Request,
    q: Annotated[str, Query(max_length=300)] = "",
    retired: bool = False,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:
    """Products; straight to the one that was scanned, or that alone was found."""
    services = web_of(request).services
    offset = (page - 1) * _LINES_A_PAGE
    with services.pool.connection() as connection:
        found = catalogue.search_products(
            connection, q, today_of(services), retired=retired, limit=_LINES_A_PAGE + 1, offset=offset
        )
    only = found.exact if len(found.exact) == 1 else [line.product_id for line in found.products]
    if q.strip() and page == 1 and len(only) == 1:
        return RedirectResponse(f"/catalogue/products/{quote(only[0], safe='')}", HTTPStatus.SEE_OTHER)
    values = {
        "q": q,
        "retired": retired,
        "number": page,
        "products": found.products[:_LINES_A_PAGE],
        "more": len(found.products) > _LINES_A_PAGE,
        "exact": found.exact,
    }
    return _page(request, "catalogue_list.html", values)


@router.get("/products/{product_id:path}", dependencies=[Depends(_READERS)])
def product(request: Request, product_id: str) -> HTMLResponse:
    """One product with packs, registration numbers, lots and levels."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        found = catalogue.read_product(connection, product_id, today_of(services))
    if found is None:
        raise not_found(N_("There is no such product in the catalogue."))
    return _page(request, "catalogue_product.html", {"product": found})


@router.get("/places", dependencies=[Depends(_READERS)])
def places(request: Request) -> HTMLResponse:
    """The tree of places, and what runs short in them."""
    services = web_of(request).services
    with services.pool.connection() as connection:
        tree = catalogue.counted_places(connection)
        short = catalogue.below_reorder_point(connection, today_of(services))
    return _page(request, "catalogue_places.html", {"places": tree, "short": short})


def _import_page(request: Request, kind: ImportKind, answer: object, status: HTTPStatus) -> HTMLResponse:
    values = {
        "kind": kind,
        "answer": answer,
        "kinds": catalogue_words.IMPORT_KINDS,
        "verdicts": catalogue_words.VERDICTS,
        "fields": catalogue_words.FIELDS,
        "columns": COLUMNS,
        "outcomes_shown": OUTCOMES_SHOWN,
    }
    return _page(request, "catalogue_import.html", values, status)


@router.get("/import", dependencies=[Depends(RolesRequired(CATALOGUE_ROLES))])
def import_page(request: Request, kind: ImportKind = "products") -> HTMLResponse:
    """The form."""
    return _import_page(request, kind, None, HTTPStatus.OK)


@router.post("/import")
def import_from_page(
    request: Request,
    person: Annotated[SignedIn, Depends(RolesRequired(CATALOGUE_ROLES))],
    file: UploadFile,
    kind: Annotated[ImportKind, Form()] = "products",
    act: Annotated[str, Form(max_length=10)] = "check",
) -> HTMLResponse:
    """Check or import a file, and show what every row does."""
    web = web_of(request)
    report = bring_file(web.services, file, kind, person.username, dry_run=act != "import")
    status = HTTPStatus.OK if report.ok else HTTPStatus.UNPROCESSABLE_ENTITY
    return _import_page(request, kind, answer_of(report, web.speech(request)), status)
