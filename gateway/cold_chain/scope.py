"""Which places a thermometer speaks for: its own, and all within it that are not measured or limited by themselves.

A fridge never takes the temperature of the room around it.
"""

# ruff: noqa: S608 - put together from our own words only

from typing import Final

OWN_CLIMATE: Final = (
    "(p.temperature_low_celsius IS NOT NULL OR p.temperature_high_celsius IS NOT NULL OR p.kind = 'fridge'"
    " OR EXISTS (SELECT FROM device d JOIN rule_watch w USING (device_key) WHERE d.place_id = p.place_id))"
)
"""Of a place `p`: the one around it says nothing about it."""
INSIDE: Final = (
    "inside AS (SELECT place_id FROM place WHERE place_id = %(place)s UNION ALL SELECT p.place_id FROM place p"
    f" JOIN inside ON p.parent_place_id = inside.place_id WHERE NOT {OWN_CLIMATE})"
)
"""After WITH RECURSIVE: the places for which the thermometers of `place` speak."""
ABOVE: Final = (
    "above AS (SELECT place_id, parent_place_id, 0 AS depth FROM place WHERE place_id = %(place)s UNION ALL"
    " SELECT q.place_id, q.parent_place_id, above.depth + 1 FROM above JOIN place p ON p.place_id = above.place_id"
    f" JOIN place q ON q.place_id = above.parent_place_id WHERE above.depth < 20 AND NOT {OWN_CLIMATE})"
)
"""After WITH RECURSIVE: the places whose thermometers may speak for `place`; those of the least depth do."""
