"""The wall: every watched place on one screen, to be read from three metres; each place always where it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gateway.pages.state import Mood, State
from gateway.pages.translations import N_
from gateway.pages.view import BANNER, Scene, View
from gateway.records.wall_reads import WallTile, wall
from gateway.services.app_services import LiveEventLike
from gateway.services.roles import COLD_CHAIN_ROLES

_TILES_ALONE_MAX: Final = 8
"""More tiles than this at once, and the whole wall is drawn anew."""
_SIZES: Final = ((6, "huge"), (15, "large"), (35, "medium"), (60, "small"))
"""Up to so many tiles are drawn so large: what one screen of 1920 by 1080 holds."""
ALARM: Final = State("stop", N_("Alarm"))
_ACKNOWLEDGED: Final = State("attention", N_("Acknowledged"))
_RETURNED: Final = State("attention", N_("Not acknowledged"))
_SHELVED: Final = State("attention", N_("Shelved"))
_OUT_OF_SERVICE: Final = State("info", N_("Out of service"))
_NO_SENSOR: Final = State("unknown", N_("No thermometer"))
_NO_DATA: Final = State("unknown", N_("No data"))
_OLD: Final = State("unknown", N_("Data is old"))
_ABOVE: Final = State("attention", N_("Above the limit"))
_BELOW: Final = State("attention", N_("Below the limit"))
_OK: Final = State("ok", N_("In limits"))
MOODS: Final[tuple[tuple[Mood, str], ...]] = (
    ("stop", N_("Alarm")),
    ("attention", N_("Needs a look")),
    ("unknown", N_("Not known")),
    ("info", N_("Out of service")),
    ("ok", N_("In limits")),
)
"""In the order in which a person should look."""
TREND_WORDS: Final = MappingProxyType(
    {"rising": N_("rising"), "falling": N_("falling"), "steady": N_("steady")},
)


@dataclass(frozen=True)
class Tile:
    """What is drawn."""

    one: WallTile
    state: State


def tile_state(tile: WallTile) -> State:
    """The one state of a place: an alarm first, then what is not known, then the value."""
    row = tile.row
    if row.silence_kind is not None:
        return _SHELVED if row.silence_kind == "shelved" else _OUT_OF_SERVICE
    if row.incident_number is not None:
        if row.incident_active:
            return _ACKNOWLEDGED if row.incident_acknowledged else ALARM
        if not row.incident_acknowledged:
            return _RETURNED
    return _value_state(tile)


def _value_state(tile: WallTile) -> State:
    row = tile.row
    if row.device_key is None:
        return _NO_SENSOR
    if tile.celsius is None:
        return _NO_DATA
    if tile.is_old:
        return _OLD
    if row.high_celsius is not None and tile.celsius > row.high_celsius:
        return _ABOVE
    return _BELOW if row.low_celsius is not None and tile.celsius < row.low_celsius else _OK


def _tiles(scene: Scene, device_keys: list[int] | None) -> list[Tile]:
    return [Tile(each, tile_state(each)) for each in wall(scene.connection, scene.now, device_keys)]


def _wall(scene: Scene, _argument: str) -> Mapping[str, Any]:
    tiles = _tiles(scene, None)
    size = next((name for most, name in _SIZES if len(tiles) <= most), "tiny")
    moods = [tile.state.mood for tile in tiles]
    counts = [(mood, word, moods.count(mood)) for mood, word in MOODS if mood in moods]
    return {"tiles": tiles, "size": size, "counts": counts, "trends": TREND_WORDS}


def _tile(scene: Scene, argument: str) -> Mapping[str, Any]:
    return {"tiles": _tiles(scene, [int(argument)]), "trends": TREND_WORDS}


def _touched(event: LiveEventLike) -> Sequence[str]:
    if event.kind == "readings":
        keys = list(event.payload["device_keys"])
        return [f"wall_tile:{int(key)}" for key in keys] if len(keys) <= _TILES_ALONE_MAX else ["wall"]
    return ("wall",) if event.kind in {"alarm", "incident", "contact", "device", "edge_node"} else ()


def _nothing(_scene: Scene, _argument: str) -> Mapping[str, Any]:
    return {"notices": []}


WALL_VIEW: Final = View(
    audience="on_call",
    name="on_call_wall",
    path="/on-call/wall",
    template="wall.html",
    roles=COLD_CHAIN_ROLES,
    # The heartbeat draws the whole wall: what grows old or silent does so without any event.
    fragments=MappingProxyType({BANNER: _nothing, "wall": _wall, "wall_tile": _tile}),
    touched=_touched,
)
