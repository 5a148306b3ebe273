"""Who works at which scanner, in the JSON API: what is scanned there from now on is theirs."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request

from gateway.api.access import RolesRequired
from gateway.api.problems import not_found
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.pages.translations import N_
from gateway.services.app_services import AppServices
from gateway.services.live_events import NewLiveEvent, publish
from gateway.services.roles import STOCK_ROLES, Role
from gateway.services.sessions import SignedIn
from gateway.stock.operators import Scanner, scanners, sign_off, sign_on

router: Final = APIRouter(prefix=f"{PREFIX}/stock/scanners", tags=["stock"])
OPERATOR_ROLES: Final = frozenset({Role.PHARMACIST})
"""Who may book stock, and so may work at a scanner that does."""
Operator = Annotated[SignedIn, Depends(RolesRequired(OPERATOR_ROLES))]


@router.get("", summary="Scanners, and who works there", dependencies=[Depends(RolesRequired(STOCK_ROLES))])
def list_scanners(request: Request) -> list[Scanner]:
    """Those that book by their scans first."""
    with web_of(request).services.pool.connection() as connection:
        return scanners(connection)


@router.put("/{device_key}/operator", summary="I work at this scanner from now on")
def work_here(request: Request, device_key: int, person: Operator) -> Scanner:
    """In place of whoever did."""
    return work_at(web_of(request).services, device_key, person.username)


@router.delete("/{device_key}/operator", summary="Nobody works at this scanner any more")
def nobody_here(request: Request, device_key: int, person: Operator) -> Scanner:
    """Any pharmacist may: people go home without a word."""
    del person
    return work_at(web_of(request).services, device_key, None)


def work_at(services: AppServices, device_key: int, username: str | None) -> Scanner:
    """Sign on, or off with None; pages that show it are told.

    Raises:
        Problem: 404, there is no such scanner.
    """
    with services.pool.connection() as connection:
        found = {one.device_key: one for one in scanners(connection)}
        if device_key not in found:
            raise not_found(N_("There is no such scanner."))
        now = services.clock()
        if username is None:
            sign_off(connection, device_key, now)
        else:
            sign_on(connection, device_key, username, now)
        there = next(one for one in scanners(connection) if one.device_key == device_key)
        if there != found[device_key]:
            publish(connection, [NewLiveEvent("pharmacy", "operator", {"device_key": device_key})])
    return there
