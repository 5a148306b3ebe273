"""The live page of the issuing desk: what lies on its readers, who waits for a card, how far batches are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gateway.issuing import batches, blanks, requests, stations
from gateway.issuing.card_number import read_card_number, spaced
from gateway.issuing.live import KIND
from gateway.issuing.stations import Station
from gateway.pages import card_words as words
from gateway.pages.banner import banner_of
from gateway.pages.refusals import Teller
from gateway.pages.speech import Speech
from gateway.pages.state import Mood
from gateway.pages.view import BANNER, Scene, View
from gateway.services.app_services import LiveEventLike
from gateway.services.reads_operations import DESK_DRIVERS
from gateway.services.roles import CARD_DESK_ROLES, CARD_MAKING_ROLES
from gateway.stock.names import Names

_STEPS_OF_A_CARD: Final = 12
"""About so many steps are told while a card is made: for the bar."""
_SHOWN: Final = 100


@dataclass(frozen=True)
class Shown:
    """What came of the card on a station, as a person reads it."""

    mood: Mood
    word: str
    sentence: str
    step: str
    """What is being done now; empty: nothing."""
    steps: int
    steps_max: int
    there: bool


def shown(station: Station, speech: Speech) -> Shown | None:
    """None: no card came yet."""
    showing = station.showing
    if not showing:
        return None
    done, there = int(showing.get("steps", 0)), bool(showing.get("there"))
    step = words.PROGRESS.get(str(showing.get("step", "")), "")
    if step:
        return Shown("info", "", "", speech.text(step), done, _STEPS_OF_A_CARD, there)
    code, values = str(showing.get("outcome", "")), dict(showing.get("values") or {})
    if read_card_number(str(values.get("number", ""))):
        values["number"] = spaced(str(values["number"]))
    outcome = words.OUTCOMES.get(code)
    if outcome is not None:
        word = speech.text(outcome.word, **values) if "%(" in outcome.word else speech.text(outcome.word)
        return Shown(outcome.mood, word, speech.text(outcome.sentence), "", 0, 0, there)
    sentence = Teller(speech, Names()).sentence(code, values)
    return Shown("attention", "", sentence, "", 0, 0, there)


def _stations(scene: Scene, _argument: str) -> Mapping[str, Any]:
    found = stations.stations(scene.connection)
    numbers: dict[Any, str] = dict(
        scene.connection.execute(
            "SELECT request_id, card_number FROM card_request WHERE request_id = ANY(%s)",
            ([one.request_id for one in found if one.request_id],),
        ).fetchall()
    )
    batch_numbers: dict[Any, int] = dict(
        scene.connection.execute(
            "SELECT batch_id, batch_number FROM card_batch WHERE batch_id = ANY(%s)",
            ([one.batch_id for one in found if one.batch_id],),
        ).fetchall()
    )
    return {
        "stations": [(one, shown(one, scene.speech)) for one in found],
        "numbers": numbers,
        "batch_numbers": batch_numbers,
        "words": words,
        "spaced": spaced,
        "may_make": scene.person.may(*CARD_MAKING_ROLES),
    }


def _menu(_scene: Scene, _argument: str) -> Mapping[str, Any]:
    return {"card_navigation": words.NAVIGATION}


def _queue(scene: Scene, _argument: str) -> Mapping[str, Any]:
    found = requests.find_requests(scene.connection, limit=_SHOWN)
    people = scene.reading("card").read(scene.connection, {one.patient_id for one in found})
    return {"requests": found, "people": people, "words": words, "spaced": spaced}


def _batches(scene: Scene, _argument: str) -> Mapping[str, Any]:
    found = [one for one in batches.batches(scene.connection) if one.state in {"ready", "running", "paused"}]
    return {"batches": found, "words": words, "may_make": scene.person.may(*CARD_MAKING_ROLES)}


def _blanks(scene: Scene, _argument: str) -> Mapping[str, Any]:
    stock = blanks.stocks(scene.connection)
    return {"stock": stock, "words": words, "may_make": scene.person.may(*CARD_MAKING_ROLES)}


_TOUCHED: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "station": ("card_stations",),
        "request": ("card_queue", "card_stations", "card_blanks"),
        "batch": ("card_batches", "card_stations"),
        "blanks": ("card_blanks",),
    }
)


def _touched(event: LiveEventLike) -> Sequence[str]:
    if event.kind == KIND:
        return _TOUCHED.get(str(event.payload.get("what")), ())
    return (BANNER,) if event.kind in {"device", "edge_node"} else ()


CARD_VIEW: Final = View(
    name="cards",
    audience="desk",
    path="/cards",
    template="card_desk.html",
    roles=CARD_DESK_ROLES,
    fragments=MappingProxyType(
        {
            BANNER: banner_of(DESK_DRIVERS),
            "card_menu": _menu,
            "card_stations": _stations,
            "card_queue": _queue,
            "card_batches": _batches,
            "card_blanks": _blanks,
        }
    ),
    touched=_touched,
)
