"""Which addresses `medtap bench query --stock` asks for: every page and API read of the warehouse, from the app itself.

A route is the warehouse's if a pharmacist may read it and people on call, who watch temperatures, may not. What a
route's parameters are called says what is asked for (`product_id`: any product); where that is not enough, or where
a page has faces that work differently, its cases are written down here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from gateway.api.access import RolesRequired, declared_accesses
from gateway.services.roles import Role
from medtap.bench.stock_world import BUNDLES, DRAWN, World

NOT_ASKED: Final = ("/on-call/", "/live/", "/patients/", "/api/v1/people/")
"""Streams have no end to wait for, and people are not the warehouse's."""
Case = Mapping[str, str]
"""Parameter -> the name of what `World.draw` gives for it, or a text behind `=`; `*` -> what gives several at once."""
_PLAIN: Final[Mapping[str, Case]] = {"": {}}
CASES: Final[Mapping[str, Mapping[str, Case]]] = {
    "/api/v1/catalogue/products": {"": {}, "words": {"q": "words"}, "a scan": {"q": "code"}},
    "/api/v1/movements": {"": {}, "then": {"before": "moment"}},
    "/api/v1/stock": {"": {}, "a page": {"limit": "=100"}},
    "/api/v1/stock/at": {"one product": {"product_id": "product_id"}, "a place": {"place_id": "place_id"}},
    "/api/v1/stock/cases": {"": {}, "settled too": {"resolved_too": "=true"}},
    "/api/v1/stock/card": {"": {}, "one place": {"place_id": "place_id"}},
    "/api/v1/stock/destructions/{document_id}/minutes.pdf": {"": {"document_id": "destruction_id"}},
    "/api/v1/stock/dispensing-patient": {
        "prescription": {"prescription_number": "=DT-1"},
    },
    "/api/v1/stock/documents": {
        "": {},
        "far back": {"offset": "offset"},
        "of a place": {"place_id": "ward_id", "kind": "=issue"},
        "waiting": {"state": "=waiting_second"},
        "number": {"number": "document_number"},
    },
    "/api/v1/stock/documents/{document_id}": {"": {}, "the longest": {"document_id": "long_document_id"}},
    "/api/v1/stock/documents/{document_id}/issue-note.pdf": {"": {"document_id": "issue_id"}},
    "/api/v1/stock/orders": {"": {}, "closed too": {"open_only": "=false"}},
    "/api/v1/stock/outgoing/{document_id}": {"": {"document_id": "outgoing_id"}},
    "/api/v1/stock/series": {"": {}, "one place": {"place_id": "place_id"}},
    "/api/v1/stock/trace": {
        "widely used lot": {"*": "wide_lot"},
        "a lot": {"*": "lot"},
        "a pack": {"*": "pack"},
    },
    "/api/v1/stocktakes/{stocktake_id}": {"the largest": {}, "a past one": {"stocktake_id": "past_stocktake_id"}},
    "/api/v1/stocktakes/{stocktake_id}/minutes.pdf": {"a past one": {"stocktake_id": "past_stocktake_id"}},
    "/api/v1/tag-counts/{tag_count_id}": {"running": {}, "compared": {"tag_count_id": "compared_count_id"}},
    "/api/v1/tag-counts/{tag_count_id}/findings": {"compared": {"tag_count_id": "compared_count_id"}},
    "/catalogue": {"": {}, "words": {"q": "words"}, "a scan": {"q": "code"}, "last page": {"page": "=15"}},
    "/count/stocktakes/{stocktake_id}": {
        "the largest": {},
        "half done": {"stocktake_id": "second_stocktake_id"},
        "a past one": {"stocktake_id": "past_stocktake_id"},
    },
    "/count/stocktakes/{stocktake_id}/lines.csv": {"a past one": {"stocktake_id": "past_stocktake_id"}},
    "/count/tags/{tag_count_id}": {"running": {}, "compared": {"tag_count_id": "compared_count_id"}},
    "/count/tags/{tag_count_id}/report.pdf": {"compared": {"tag_count_id": "compared_count_id"}},
    "/count/tags/{tag_count_id}/tags.csv": {"compared": {"tag_count_id": "compared_count_id"}},
    "/stock": {"": {}, "a place": {"place": "place_id"}, "words": {"q": "words"}, "short": {"state": "=short"}},
    "/stock/expiry-risk": {"": {}, "a place, a year": {"place": "place_id", "days": "=365"}},
    "/stock/files/consumption.csv": {"": {}, "weeks": {"period": "=week"}},
    "/stock/files/store-card.csv": {"": {}, "a year": {"first": "year_ago"}},
    "/stock/files/store-card.pdf": {"a place, a month": {"place": "place_id", "first": "month_ago"}},
    "/stock/products/{product_id:path}": {
        "": {},
        "two years": {"days": "=730", "period": "=week", "place": "place_id"},
    },
    "/stock/slow-movers": {"": {}, "a place, a year": {"place": "place_id", "days": "=365"}},
    "/work": {
        "": {},
        "far back": {"page": "page"},
        "of a place": {"place_id": "ward_id", "kind": "=issue"},
        "of a day": {"first_day": "first_day", "last_day": "first_day"},
        "number": {"number": "document_number"},
    },
    "/work/cases": {"": {}, "settled too": {"resolved": "=true"}},
    "/work/controlled/book.csv": {"": {"product_id": "controlled_id"}},
    "/work/dispense": {"": {}, "prescription": {"prescription_number": "=DT-1"}},
    "/work/documents/{document_id}": {"": {}, "the longest": {"document_id": "long_document_id"}},
    "/work/orders": {"": {}, "closed too": {"state": "=all"}, "received": {"state": "=received"}},
    "/work/orders/new": {"": {}, "a place": {"place_id": "place_id"}},
    "/work/out/{document_id}": {"": {"document_id": "outgoing_id"}},
    "/work/documents/{document_id}/lines.csv": {"": {}, "the longest": {"document_id": "long_document_id"}},
    "/work/recall": {"": {}, "a scanned pack": {"code": "code"}, "widely used lot": {"*": "wide_code"}},
    "/work/recall/{recall_id}": {"widely used lot": {}},
    "/work/receive": {"": {}, "an order": {"order_id": "order_id"}},
}


@dataclass(frozen=True)
class ReadRoute:
    """A GET route of the warehouse."""

    path: str
    """With its parameters in braces."""
    needed: tuple[str, ...]
    """Parameters without which it does not answer: of the path and of the query."""

    @property
    def kind(self) -> str:
        """Page, file, or API."""
        if self.path.endswith((".pdf", ".csv")):
            return "file"
        return "api" if self.path.startswith("/api/") else "page"

    @property
    def cases(self) -> Mapping[str, Case]:
        """Each with its name, which may be empty."""
        return CASES.get(self.path, _PLAIN)

    def name(self, case: str) -> str:
        """Of a case, in the figures."""
        return f"{self.kind}: {self.path}{f' ({case})' if case else ''}"

    def _meant(self, name: str) -> str:
        """By a parameter that the case says nothing of."""
        return "controlled_id" if name == "product_id" and "/controlled/" in self.path else name

    def address(self, world: World, case: Case) -> str:
        """To ask for: path and query, its parameters drawn.

        Raises:
            ServiceError: the books hold nothing of the kind.
        """
        values = dict(world.bundle(case["*"])) if "*" in case else {}
        for name in dict.fromkeys([*case, *self.needed]):
            if name not in {"*", *values}:
                told = case.get(name, self._meant(name))
                values[name] = told[1:] if told.startswith("=") else world.draw(told)
        path = self.path
        for name in list(values):
            for form in (f"{{{name}}}", f"{{{name}:path}}"):
                if form in path:
                    path = path.replace(form, quote(values.pop(name), safe="/"))
                    break
        return f"{path}?{urlencode(values)}" if values else path


def read_routes(app: FastAPI) -> list[ReadRoute]:
    """Every GET route of the warehouse, in the order of the application."""
    found = []
    for context in iter_route_contexts(app.routes):
        route, path = context.original_route, context.path or ""
        if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()) or path.startswith(NOT_ASKED):
            continue
        roles = next((one.roles for one in declared_accesses(context.dependant) if isinstance(one, RolesRequired)), ())
        if Role.PHARMACIST in roles and Role.ON_CALL not in roles:
            found.append(ReadRoute(path, tuple(dict.fromkeys(_needed(context.dependant)))))
    return found


def _needed(dependant: Dependant) -> Iterator[str]:
    for field in (*dependant.path_params, *dependant.query_params):
        if field.field_info.is_required():
            yield field.alias
    for inner in dependant.dependencies:
        yield from _needed(inner)


def unknown_parameters(routes: Iterable[ReadRoute]) -> list[str]:
    """What `World` can't draw: a new page asks for it, and nobody has told the bench of it."""
    unknown = []
    for route in routes:
        for case, told in route.cases.items():
            drawn = BUNDLES[told["*"]] if "*" in told else ()
            for name in dict.fromkeys([*told, *route.needed]):
                what = told.get(name, name)
                if name not in {"*", *drawn} and not what.startswith("=") and what not in DRAWN:
                    unknown.append(f"{route.name(case)}: {what}")
    return unknown
