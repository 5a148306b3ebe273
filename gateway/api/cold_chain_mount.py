"""All routers of the cold chain of goods, API and pages, to be mounted together."""

from typing import Final

from fastapi import APIRouter

from gateway.api import cold_chain
from gateway.pages import assessment_routes, cold_rule_routes, logger_routes, pack_history_routes

ROUTERS: Final[tuple[APIRouter, ...]] = (
    cold_chain.router,
    assessment_routes.router,
    cold_rule_routes.router,
    logger_routes.router,
    pack_history_routes.router,
)
