"""Routes of the start page, the administrator's page, and the acknowledgement of an alarm from the page."""

from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from gateway.api.access import ANYONE_SIGNED_IN, RolesRequired
from gateway.api.web import web_of
from gateway.pages.banner import banner_of
from gateway.pages.on_call_view import STATE_WORDS
from gateway.pages.pharmacy_view import SCAN_ACTIONS
from gateway.pages.view import BANNER, Scene, View
from gateway.services import reads_operations
from gateway.services.reads_operations import COLD_CHAIN_DRIVERS, DESK_DRIVERS, PHARMACY_DRIVERS
from gateway.services.roles import ADMIN_ROLES, EVERY_ROLE
from gateway.services.sessions import SignedIn

router: Final = APIRouter(include_in_schema=False)
_DEAD_LETTERS_SHOWN: Final = 50
_SCANNER_DRIVERS: Final = frozenset({"serial_scanner", "hid_scanner", "nfc_pn532"})
_EVERY_DRIVER: Final = tuple({*DESK_DRIVERS, *PHARMACY_DRIVERS, *COLD_CHAIN_DRIVERS})

_BANNER_VIEW: Final = View(
    audience="",
    path="/",
    template="home.html",
    roles=EVERY_ROLE,
    fragments=MappingProxyType({BANNER: banner_of(_EVERY_DRIVER)}),
    touched=lambda _event: (),
)


@router.get("/")
def home(request: Request, person: Annotated[SignedIn, Depends(ANYONE_SIGNED_IN)]) -> HTMLResponse:
    """Choose the work, among what the roles allow."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        scene = Scene(web, connection, person, web.speech(request), web.services.clock())
        banner = _BANNER_VIEW.render(scene, BANNER)
    return web.page(request, "home.html", {"banner": banner})


@router.get("/admin")
def admin(request: Request, person: Annotated[SignedIn, Depends(RolesRequired(ADMIN_ROLES))]) -> HTMLResponse:
    """Edge nodes, devices, and what could not be understood."""
    web = web_of(request)
    with web.services.pool.connection() as connection:
        scene = Scene(web, connection, person, web.speech(request), web.services.clock())
        values = {
            "banner": _BANNER_VIEW.render(scene, BANNER),
            "nodes": reads_operations.edge_nodes(connection),
            "devices": reads_operations.devices(connection),
            "dead_letters": reads_operations.dead_letters(connection, _DEAD_LETTERS_SHOWN),
            "words": STATE_WORDS,
            "scan_actions": SCAN_ACTIONS,
            "scanners": _SCANNER_DRIVERS,
        }
    return web.page(request, "admin.html", values)
