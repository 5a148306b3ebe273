"""The live part of an RFID count's page: how many of the expected tags were seen, and what each reader sees now."""

import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gateway.pages import count_words
from gateway.pages.banner import banner_of
from gateway.pages.view import BANNER, Scene, View
from gateway.services.app_services import LiveEventLike
from gateway.services.roles import STOCK_ROLES
from gateway.stock.stocktake_overview import account_names
from gateway.stock.tag_count_overview import readers_of, seen_so_far, tag_count_overview


def tag_count_view(tag_count_id: uuid.UUID) -> View:
    """The page of this count: its progress follows tags that come and go, passes, decisions, and readers that fail."""

    def progress(scene: Scene, _argument: str) -> Mapping[str, Any]:
        readers = readers_of(scene.connection, tag_count_id)
        names = account_names(scene.connection, sorted({one.account_id for one in readers}))
        return {
            "head": tag_count_overview(scene.connection, tag_count_id),
            "seen": seen_so_far(scene.connection, tag_count_id),
            "readers": readers,
            "place_said": {account: scene.speech.named(*both) for account, both in names.items()},
            "words": count_words,
        }

    def touched(event: LiveEventLike) -> Sequence[str]:
        if event.kind == "tag" or event.payload.get("tag_count_id") == str(tag_count_id):
            return ("tag_progress",)
        return (BANNER, "tag_progress") if event.kind in {"device", "edge_node"} else ()

    return View(
        audience="pharmacy",
        path=f"/count/tags/{tag_count_id}",
        template="count_tag.html",
        roles=STOCK_ROLES,
        fragments=MappingProxyType({BANNER: banner_of(("llrp",)), "tag_progress": progress}),
        touched=touched,
    )
