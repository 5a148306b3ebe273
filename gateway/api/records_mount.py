"""All routers of the cold chain's records, API and pages, to be mounted together."""

from typing import Final

from fastapi import APIRouter

from gateway.api import records
from gateway.pages import mapping_routes, place_routes, records_routes, sensor_routes

ROUTERS: Final[tuple[APIRouter, ...]] = (
    records.router,
    place_routes.router,
    sensor_routes.router,
    records_routes.router,
    mapping_routes.router,
)
