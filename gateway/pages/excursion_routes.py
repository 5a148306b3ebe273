"""The pages of excursions: a list, and one with the goods that were there."""

from typing import Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from gateway.api.access import RolesRequired
from gateway.api.excursions import detail
from gateway.api.web import web_of
from gateway.api.work_kit import WORK_ROLES
from gateway.pages.catalogue_words import STORAGE
from gateway.pages.cold_chain_words import SEVERITIES
from gateway.pages.stock_overview_words import ACCOUNTS
from gateway.pages.translations import N_
from gateway.services import reads_excursions as reads
from gateway.services.roles import COLD_CHAIN_ROLES, STOCK_ROLES

router: Final = APIRouter(
    prefix="/on-call/excursions", include_in_schema=False, dependencies=[Depends(RolesRequired(COLD_CHAIN_ROLES))]
)
SIDE_WORDS: Final = {"high": N_("Too warm"), "low": N_("Too cold")}
CHANGE_WORDS: Final = {
    "late_readings": N_("Readings came late"),
    "rule_changed": N_("The rule was changed"),
    "device_moved": N_("The thermometer was moved"),
    "interval_changed": N_("The interval between readings was changed"),
    "recalibrated": N_("A calibration certificate was entered or withdrawn"),
}
_LATEST: Final = 200


@router.get("")
def excursion_list(request: Request, all_of_them: bool = False) -> HTMLResponse:
    """Newest first; those that alarmed, or all of them."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        lines = reads.excursions(connection, only_alarmed=not all_of_them, limit=_LATEST)
    values = {"lines": lines, "sides": SIDE_WORDS, "all_of_them": all_of_them, "now": web.services.clock()}
    return web.page(request, "excursion_list.html", values)


@router.get("/{excursion_id}")
def excursion_page(request: Request, excursion_id: UUID) -> HTMLResponse:
    """What it was, which goods were there, and what changed it."""
    web = web_of(request)
    found = detail(request, excursion_id)
    values = {
        "one": found.excursion,
        "goods": found.goods,
        "value_vnd": round(sum(each.value_vnd or 0 for each in found.goods)),
        "places": ACCOUNTS,
        "changes": found.changes,
        "sides": SIDE_WORDS,
        "reasons": CHANGE_WORDS,
        "stock_roles": STOCK_ROLES,
        "work_roles": WORK_ROLES,
        "classes": STORAGE,
        "severities": SEVERITIES,
        "now": web.services.clock(),
    }
    return web.page(request, "excursion.html", values)
