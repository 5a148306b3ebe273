"""Every router of visits: programs' and pages'."""

from typing import Final

from fastapi import APIRouter

from gateway.api import clinics, visit_queues, visits
from gateway.pages import board_routes, queue_routes, visit_admin_routes, visit_routes, walk_in_routes

ROUTERS: Final[tuple[APIRouter, ...]] = (
    visits.router,
    visit_queues.router,
    clinics.router,
    walk_in_routes.router,
    visit_routes.router,
    queue_routes.router,
    board_routes.router,
    visit_admin_routes.router,
)
