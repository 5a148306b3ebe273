"""The API of excursions: what each watched place went through, and which goods were there."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from gateway.api.access import RolesRequired
from gateway.api.problems import not_found
from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.pages.translations import N_
from gateway.services import reads_excursions as reads
from gateway.services.roles import COLD_CHAIN_ROLES

router: Final = APIRouter(
    prefix=f"{PREFIX}/excursions", tags=["cold chain"], dependencies=[Depends(RolesRequired(COLD_CHAIN_ROLES))]
)


class ExcursionDetail(BaseModel):
    """One excursion with all that is known of it."""

    excursion: reads.ExcursionLine
    goods: list[reads.GoodsAtRisk]
    changes: list[reads.ExcursionChange]


@router.get("", summary="Excursions")
def excursions(
    request: Request,
    only_alarmed: bool = False,
    place_id: Annotated[str | None, Query(max_length=63)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[reads.ExcursionLine]:
    """Newest first, those that did not last long enough to alarm included."""
    with web_of(request).services.pool.connection() as connection:
        return reads.excursions(connection, only_alarmed=only_alarmed, place_id=place_id, limit=limit)


@router.get("/{excursion_id}", summary="One excursion, its goods and what changed it")
def excursion(request: Request, excursion_id: UUID) -> ExcursionDetail:
    """With the goods that were there."""
    return detail(request, excursion_id)


def detail(request: Request, excursion_id: UUID) -> ExcursionDetail:
    """All that is known of one.

    Raises:
        Problem: there is none of this id.
    """
    with web_of(request).services.pool.connection() as connection:
        found = reads.find_excursion(connection, excursion_id)
        if found is None:
            raise not_found(N_("There is no such excursion."))
        goods, changes = reads.goods_of(connection, excursion_id), reads.changes_of(connection, excursion_id)
    return ExcursionDetail(excursion=found, goods=goods, changes=changes)
