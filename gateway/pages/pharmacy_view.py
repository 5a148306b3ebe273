"""The pharmacy's live page: the newest scan, huge; what just happened; tags on the shelf; stock; discrepancies."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from gateway.pages.banner import banner_of
from gateway.pages.reasons import CASES, OTHER_CASE, mends_of
from gateway.pages.state import State
from gateway.pages.translations import N_
from gateway.pages.view import BANNER, Scene, View
from gateway.services import reads_pharmacy, reads_tags
from gateway.services.app_services import LiveEventLike
from gateway.services.reads_operations import PHARMACY_DRIVERS
from gateway.services.roles import STOCK_ROLES, Role
from gateway.stock.operators import scanners

_SCANS_SHOWN: Final = 12
_ROWS_SHOWN: Final = 200
EXPIRES_SOON: Final = timedelta(days=90)
"""A lot that expires within it is marked, so that it is used first."""

SCAN_STATES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "received": State("ok", N_("Received"), N_("The pack is in stock."), sign="in"),
        "issued": State("ok", N_("Issued"), N_("The pack has left the store."), sign="out"),
        "looked_up": State("info", N_("Looked up"), N_("Nothing was moved: this scanner only shows."), sign="search"),
        "repeated": State(
            "info",
            N_("Scanned again"),
            N_("This pack was booked by an earlier scan. It was not booked a second time."),
            sign="again",
        ),
        "discrepancy": State(
            "attention",
            N_("Contradicts the books"),
            N_("What was scanned does not fit what the books say. Nothing is lost: a case was opened."),
            N_("Go on working; then resolve the case in the list of open cases."),
            sign="unequal",
        ),
        "waiting_for_second": State(
            "attention",
            N_("Half a pack"),
            N_("This code does not say all about the pack. Nothing was booked yet."),
            N_("Scan the other code of the same pack."),
            sign="half",
        ),
        "joined": State(
            "info", N_("Part of a pack"), N_("This code was judged together with the next one."), sign="half"
        ),
        "refused": State(
            "stop",
            N_("Refused"),
            N_("The code can't be used. Nothing was booked."),
            N_("Put the pack aside and read why."),
        ),
    }
)

ACCOUNT_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "supplier": N_("supplier"),
        "in_transit": N_("in transit"),
        "dispensed": N_("handed out"),
        "wasted": N_("wasted"),
        "returned": N_("returned"),
        "unexplained": N_("unexplained"),
    }
)
SCAN_ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"receive": N_("receives packs"), "issue": N_("issues packs"), "lookup": N_("only shows")}
)


def _newest(scene: Scene, _argument: str) -> Mapping[str, Any]:
    scans = reads_pharmacy.latest_scans(scene.connection, 1)
    scan = scans[0] if scans else None
    return {
        "scan": scan,
        "state": SCAN_STATES[scan.outcome] if scan else None,
        "mends": mends_of(scan) if scan else [],
        "account_words": ACCOUNT_WORDS,
        "today": scene.speech.local(scene.now).date(),
        "soon": EXPIRES_SOON,
    }


def _recent(scene: Scene, _argument: str) -> Mapping[str, Any]:
    return {
        "scans": reads_pharmacy.latest_scans(scene.connection, _SCANS_SHOWN),
        "states": SCAN_STATES,
        "account_words": ACCOUNT_WORDS,
    }


def _shelf(scene: Scene, _argument: str) -> Mapping[str, Any]:
    return {"tags": reads_tags.present_tags(scene.connection, _ROWS_SHOWN)}


def _stock(scene: Scene, _argument: str) -> Mapping[str, Any]:
    return {
        "lines": reads_pharmacy.stock_on_hand(scene.connection, _ROWS_SHOWN),
        "today": scene.speech.local(scene.now).date(),
        "soon": EXPIRES_SOON,
    }


def _discrepancies(scene: Scene, _argument: str) -> Mapping[str, Any]:
    found = reads_pharmacy.open_discrepancies(scene.connection, _ROWS_SHOWN)
    return {"discrepancies": found, "cases": CASES, "other_case": OTHER_CASE}


def _scanners(scene: Scene, _argument: str) -> Mapping[str, Any]:
    may_work = scene.person.may(Role.PHARMACIST)
    return {"scanners": scanners(scene.connection), "actions": SCAN_ACTIONS, "may_work": may_work}


def _touched(event: LiveEventLike) -> Sequence[str]:
    if event.kind == "scan":
        return ("newest_scan", "recent_scans", "stock", "discrepancies")
    if event.kind == "tag":
        return ("shelf",)
    if event.kind == "operator":
        return ("scanners",)
    return (BANNER,) if event.kind in {"device", "edge_node"} else ()


PHARMACY_VIEW: Final = View(
    audience="pharmacy",
    path="/pharmacy",
    template="pharmacy.html",
    roles=STOCK_ROLES,
    fragments=MappingProxyType(
        {
            BANNER: banner_of(PHARMACY_DRIVERS),
            "newest_scan": _newest,
            "recent_scans": _recent,
            "shelf": _shelf,
            "stock": _stock,
            "discrepancies": _discrepancies,
            "scanners": _scanners,
        }
    ),
    touched=_touched,
)
