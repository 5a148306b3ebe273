"""All routers of people, API and pages, to be mounted together: those with fixed addresses before those with ids."""

from typing import Final

from fastapi import APIRouter

from gateway.api import people, people_audit
from gateway.pages import (
    people_audit_routes,
    people_emergency_routes,
    people_merge_routes,
    people_register_routes,
    people_routes,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    people_audit.router,
    people.router,
    people_register_routes.router,
    people_merge_routes.router,
    people_routes.router,
    people_emergency_routes.router,
    people_audit_routes.router,
)
