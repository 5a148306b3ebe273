"""Counting in the day: by RFID, and by people who do not see what is expected."""

import uuid
from collections.abc import Mapping
from typing import Any

from tests.integration.day_kit import Day

FOREIGN_TAG = "E28011700000020F7C1A2B3C"
"""Of somebody else's goods."""


def count_tags(day: Day, place: str, *there: int) -> tuple[str, list[dict[str, Any]]]:
    """An RFID count of a place where these packs lie, and a foreign tag; its id and its findings.

    Its readers look twice: a reader that hung for some seconds has given its tags up, and finds them again.
    """
    count_id = str(uuid.uuid4())
    body = {"tag_count_id": count_id, "place_ids": [place], "company_prefixes": ["893850123"]}
    wait_for_tags(day, *there)
    day.send("lan", "/tag-counts", body)
    for _ in range(2):
        day.send("lan", f"/tag-counts/{count_id}/reader-passes", {"request_id": str(uuid.uuid4())})
        wait_for_tags(day, *there)
    foreign = {"request_id": str(uuid.uuid4()), "place_id": place, "epcs": [FOREIGN_TAG]}
    day.send("lan", f"/tag-counts/{count_id}/passes", foreign)
    day.send("lan", f"/tag-counts/{count_id}/reconcile")
    return count_id, day.read("lan", f"/tag-counts/{count_id}/findings")


def wait_for_tags(day: Day, *indexes: int) -> None:
    """Wait until the reader sees exactly these packs."""
    epcs = sorted(day.pack(index)["epc"].lower() for index in indexes)
    seen = "SELECT array_agg(epc ORDER BY epc) FROM tag_presence WHERE disappeared_at IS NULL"
    day.play.eventually(seen, epcs or None)


def hand_in(day: Day, path: str, person: str, standing: Mapping[str, int]) -> str:
    """A person counts, in the main store, what is to be counted: by lot, else nothing. The state then."""
    asked = [one for one in day.read(person, path)["line_list"] if one["status"] in {"to_count", "count_again"}]
    assert all(one["frozen_quantity"] is None for one in asked), "people count blind"
    lines = [
        {
            "place_id": "main-store",
            **{key: one[key] for key in ("product_id", "lot")},
            "quantity": standing.get(one["lot"], 0),
        }
        for one in asked
    ]
    day.send(person, f"{path}/counts", {"request_id": str(uuid.uuid4()), "lines": lines})
    return str(day.send(person, f"{path}/submit", {})["state"])
