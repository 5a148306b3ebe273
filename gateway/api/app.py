"""The web application's factory: the JSON API, the pages, their files, and the rules that hold for all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import as_file, files
from typing import Final

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from gateway.api import (
    card_stations,
    cards,
    excursions,
    incidents,
    pager,
    pager_machines,
    stock_catalogue,
    stock_counts,
    stock_operators,
    stock_papers,
    stock_series,
    stock_tag_counts,
    taps,
    v1,
)
from gateway.api.access import refuse_undeclared_routes
from gateway.api.cold_chain_mount import ROUTERS as COLD_CHAIN_ROUTERS
from gateway.api.people_mount import ROUTERS as PEOPLE_ROUTERS
from gateway.api.problems import install_problem_handlers
from gateway.api.records_mount import ROUTERS as RECORD_ROUTERS
from gateway.api.security_headers import SecurityHeaders
from gateway.api.visits_mount import ROUTERS as VISIT_ROUTERS
from gateway.api.web import HEARTBEAT_S, make_web
from gateway.api.work_mount import ROUTERS as WORK_ROUTERS
from gateway.pages import (
    card_routes,
    catalogue_routes,
    desk_routes,
    excursion_routes,
    incident_routes,
    operator_routes,
    pager_routes,
    sign_in_routes,
    work_routes,
)
from gateway.pages.card_address_routes import card_address_router
from gateway.pages.live_routes import live_router
from gateway.pages.stock_overview_files import router as stock_files
from gateway.pages.stock_overview_routes import router as stock_pages
from gateway.services.app_services import AppServices
from gateway.services.sessions import SessionPolicy

_STATIC_PATH: Final = "/static"
_TAGS: Final = [
    {"name": "people", "description": "Patients, guardians, merges, the audit of reads"},
    {"name": "desk", "description": "Health cards and visits"},
    {"name": "cards", "description": "Health cards: asking for, making, printing, handing over"},
    {"name": "stock", "description": "Scans, movements, stock on hand"},
    {"name": "cold chain", "description": "Places, temperatures, alarms"},
    {"name": "system", "description": "Edge nodes, devices, health"},
]


def create_app(
    services: AppServices, policy: SessionPolicy | None = None, *, heartbeat_s: float = HEARTBEAT_S
) -> FastAPI:
    """The application over these services. Before its server stops, close the live feed: open streams end with it.

    Raises:
        RuntimeError: a route does not declare who it is for.
    """
    web = make_web(services, policy or SessionPolicy(), heartbeat_s=heartbeat_s)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        web.stop_live()

    app = FastAPI(
        title="medtap",
        version="1",
        summary="What drug is where, how warm it has been, and which patient is at the desk",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        openapi_tags=_TAGS,
        lifespan=lifespan,
    )
    app.state.web = web
    app.state.public_mounts = (_STATIC_PATH,)
    install_problem_handlers(app)
    app.add_middleware(SecurityHeaders, https=web.https)
    app.include_router(v1.router)
    app.include_router(excursions.router)
    app.include_router(incidents.router)
    app.include_router(incident_routes.router)
    for router in (pager.router, pager_machines.router, pager_routes.router):
        app.include_router(router)
    app.include_router(excursion_routes.router)
    app.include_router(stock_catalogue.router)
    app.include_router(stock_counts.router)
    app.include_router(stock_tag_counts.router)
    app.include_router(stock_operators.router)
    app.include_router(stock_papers.router)
    app.include_router(sign_in_routes.router)
    app.include_router(work_routes.router)
    app.include_router(catalogue_routes.router)
    app.include_router(operator_routes.router)
    app.include_router(taps.router)
    app.include_router(desk_routes.router)
    app.include_router(card_address_router())
    app.include_router(cards.router)
    app.include_router(card_routes.router)
    app.include_router(card_routes.code_router)
    app.include_router(card_stations.router)
    for router in (*WORK_ROUTERS, *PEOPLE_ROUTERS, *RECORD_ROUTERS, *COLD_CHAIN_ROUTERS):
        app.include_router(router)
    for router in (stock_series.router, stock_pages, stock_files):
        app.include_router(router)
    for router in VISIT_ROUTERS:
        app.include_router(router)
    app.include_router(live_router())
    static = files("gateway.pages") / "static"
    with as_file(static) as directory:
        app.mount(_STATIC_PATH, StaticFiles(directory=directory), name="static")
    refuse_undeclared_routes(app)
    return app
