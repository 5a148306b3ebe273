"""The on-call person's live page: watched places, active alarms with their acknowledgement, pages sent, devices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gateway.pager.kind_words import words_of
from gateway.pages.banner import DATA_OLD_AFTER, banner_of
from gateway.pages.incident_words import CAUSES, SEVERITIES, STATES
from gateway.pages.sparkline import Sparkline, draw
from gateway.pages.state import State
from gateway.pages.translations import N_
from gateway.pages.view import BANNER, Scene, View
from gateway.services import reads_incidents, reads_on_call, reads_operations
from gateway.services.app_services import LiveEventLike
from gateway.services.reads_incidents import IncidentLine
from gateway.services.reads_on_call import Page, WatchedPlace
from gateway.services.reads_operations import COLD_CHAIN_DRIVERS
from gateway.services.roles import ALARM_ROLES, COLD_CHAIN_ROLES

_RECENT: Final = 10
_CARDS_ALONE_MAX: Final = 6
"""More cards than this at once, and the whole wall is drawn anew."""

CHANNEL_WORDS: Final = MappingProxyType({"log": N_("Log file"), "webhook": N_("Web hook")})
STATE_WORDS: Final = MappingProxyType({"up": N_("Online"), "down": N_("Offline"), "unknown": N_("Not heard of yet")})

_IN_LIMITS: Final = State("ok", N_("In limits"))
_ABOVE: Final = State("attention", N_("Above the limit"))
_BELOW: Final = State("attention", N_("Below the limit"))
_NO_SENSOR: Final = State("unknown", N_("No thermometer"))
_NO_DATA: Final = State("unknown", N_("No data"))
_OLD_DATA: Final = State("unknown", N_("Data is old"))


@dataclass(frozen=True)
class PlaceCard:
    """One thermometer in one place, with its state and trend."""

    place: WatchedPlace
    state: State
    spark: Sparkline | None
    old: bool
    incident: IncidentLine | None


def place_state(place: WatchedPlace, incident: IncidentLine | None, *, old: bool) -> State:
    """The one state of a place: an incident goes before missing data, missing data before the last value."""
    if incident is not None:
        return STATES[incident.state]
    if place.device_key is None:
        return _NO_SENSOR
    if place.temperature_celsius is None:
        return _NO_DATA
    if old:
        return _OLD_DATA
    return _by_limits(place.temperature_celsius, place.low_celsius, place.high_celsius)


def _by_limits(celsius: float, low: float | None, high: float | None) -> State:
    if high is not None and celsius > high:
        return _ABOVE
    return _BELOW if low is not None and celsius < low else _IN_LIMITS


def _cards(scene: Scene, device_keys: list[int] | None) -> list[PlaceCard]:
    places = reads_on_call.watched_places(scene.connection, device_keys)
    incidents = {
        one.place_id: one for one in reads_incidents.open_incidents(scene.connection) if one.scope.startswith("place:")
    }
    keys = [place.device_key for place in places if place.device_key is not None]
    span, points = reads_on_call.trend(scene.connection, keys, scene.now)
    cards = []
    for place in places:
        own = [point for point in points if point.device_key == place.device_key]
        incident = incidents.get(place.place_id)
        old = place.occurred_at is not None and scene.now - place.occurred_at > DATA_OLD_AFTER
        spark = draw(own, place.low_celsius, place.high_celsius, span, scene.now) if own else None
        cards.append(PlaceCard(place, place_state(place, incident, old=old), spark, old, incident))
    return cards


def _places(scene: Scene, _argument: str) -> Mapping[str, Any]:
    return {"cards": _cards(scene, None), "old_after_s": DATA_OLD_AFTER.total_seconds()}


def _place(scene: Scene, argument: str) -> Mapping[str, Any]:
    return {"cards": _cards(scene, [int(argument)]), "old_after_s": DATA_OLD_AFTER.total_seconds()}


def _alarms(scene: Scene, _argument: str) -> Mapping[str, Any]:
    active = reads_incidents.open_incidents(scene.connection)
    over = reads_incidents.latest_incidents(scene.connection, _RECENT, only_over=True)
    pages: dict[Any, list[Page]] = {}
    ids = [one.incident_id for one in [*active, *over]]
    for page in reads_on_call.pages_of_incidents(scene.connection, ids):
        pages.setdefault(page.incident_id, []).append(page)
    return {
        "active": active,
        "over": over,
        "pages": pages,
        "states": STATES,
        "severities": SEVERITIES,
        "causes": CAUSES,
        "words_of": words_of,
        "channels": CHANNEL_WORDS,
        "may_acknowledge": scene.person.may(*ALARM_ROLES),
    }


def _nodes(scene: Scene, _argument: str) -> Mapping[str, Any]:
    return {
        "nodes": reads_operations.edge_nodes(scene.connection),
        "devices": reads_operations.devices(scene.connection),
        "words": STATE_WORDS,
        "dead_letters": reads_operations.count_open_dead_letters(scene.connection),
    }


def _touched(event: LiveEventLike) -> Sequence[str]:
    if event.kind == "readings":
        keys = list(event.payload["device_keys"])
        return [f"place:{int(key)}" for key in keys] if len(keys) <= _CARDS_ALONE_MAX else ["places"]
    if event.kind == "alarm":
        return ("alarms", "places")
    if event.kind in {"device", "edge_node"}:
        return (BANNER, "nodes", "places")
    return ("nodes",) if event.kind == "dead_letter" else ()


ON_CALL_VIEW: Final = View(
    audience="on_call",
    path="/on-call",
    template="on_call.html",
    roles=COLD_CHAIN_ROLES,
    fragments=MappingProxyType(
        {
            BANNER: banner_of(COLD_CHAIN_DRIVERS, with_data_age=True),
            "alarms": _alarms,
            "places": _places,
            "place": _place,
            "nodes": _nodes,
        }
    ),
    touched=_touched,
)
