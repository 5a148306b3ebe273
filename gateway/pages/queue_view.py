"""Live pages of a clinic's queue and of a room: drawn anew at every step of that clinic, and of no other."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from gateway.api.visits_kit import births_of
from gateway.pages import visit_words as words
from gateway.pages.banner import banner_of
from gateway.pages.view import BANNER, Scene, View
from gateway.pages.visit_telling import LineTold, read_names, told_lines
from gateway.people.person import Patient
from gateway.services.app_services import LiveEventLike
from gateway.services.roles import QUEUE_ROLES
from gateway.visits.calling import settle_priorities
from gateway.visits.clinics import read_clinics
from gateway.visits.reads import QueueLine, QueueNow, queue_of

_ENDED_SHOWN: Final = 30
_NEXT_SHOWN: Final = 12


def _people(scene: Scene, lines: Sequence[QueueLine]) -> Mapping[uuid.UUID, Patient]:
    reading = scene.reading("visit")
    if not lines or not reading.people.has_keys:
        return {}
    return reading.read(scene.connection, [line.patient_id for line in lines])


def _now_of(scene: Scene, clinic_id: str) -> QueueNow:
    """With everybody's priority by age, which may have come by a tap since the last look."""
    today = scene.speech.local(scene.now).date()
    births = births_of(scene.reading("visit"))
    if births is not None:
        settle_priorities(scene.connection, clinic_id, today, births, scene.now)
    return queue_of(scene.connection, clinic_id, today, scene.now)


def _common(scene: Scene, clinic_id: str) -> dict[str, Any]:
    clinics = read_clinics(scene.connection)
    return {
        "words": words,
        "clinics": clinics,
        "clinic": next((one for one in clinics if one.clinic_id == clinic_id), None),
        "names": read_names(scene.connection),
        "clinic_id": clinic_id,
    }


def _queue(scene: Scene, _argument: str) -> Mapping[str, Any]:
    clinic_id = scene.place_id or ""
    now = _now_of(scene, clinic_id)
    shown = {**vars(now), "ended": now.ended[:_ENDED_SHOWN]}
    people = _people(scene, [line for lines in shown.values() for line in lines])
    told: dict[str, list[LineTold]] = {name: told_lines(lines, people) for name, lines in shown.items()}
    return {**_common(scene, clinic_id), "queue": told, "ended_count": len(now.ended)}


def _room(scene: Scene, _argument: str) -> Mapping[str, Any]:
    room_id = scene.place_id or ""
    row = scene.connection.execute("SELECT clinic_id FROM room WHERE room_id = %s", (room_id,)).fetchone()
    clinic_id = row[0] if row is not None else ""
    now = _now_of(scene, clinic_id)
    lists = {
        "called": [one for one in now.called if one.room_id == room_id],
        "in_room": [one for one in now.in_room if one.room_id == room_id],
        "absent": now.absent,
        "waiting": now.waiting[:_NEXT_SHOWN],
        "ended": [one for one in now.ended if one.room_id == room_id][:3],
    }
    people = _people(scene, [line for lines in lists.values() for line in lines])
    told = {name: told_lines(lines, people) for name, lines in lists.items()}
    values = {"room_id": room_id, "queue": told, "waiting_count": len(now.waiting), "call_id": uuid.uuid4()}
    return {**_common(scene, clinic_id), **values}


_BANNER: Final = banner_of(())
_FRAGMENTS: Final = {"queue_lists": _queue, "room_now": _room}


def clinic_view(clinic_id: str) -> View:
    """The page of a clinic's queue; its scene's place is the clinic."""
    return _view("queue_lists", f"/queues/{clinic_id}", "queue_one.html", clinic_id)


def room_view(room_id: str, clinic_id: str) -> View:
    """The page of a room; its scene's place is the room."""
    return _view("room_now", f"/rooms/{room_id}", "queue_room.html", clinic_id)


def _view(fragment: str, path: str, template: str, clinic_id: str) -> View:
    return View(
        audience="queue",
        path=path,
        template=template,
        roles=QUEUE_ROLES,
        fragments=MappingProxyType({BANNER: _BANNER, fragment: _FRAGMENTS[fragment]}),
        touched=touched_by(clinic_id, fragment),
    )


def touched_by(clinic_id: str, fragment: str) -> Callable[[LiveEventLike], Sequence[str]]:
    """That fragment, by what happens in that clinic; an empty id: in any."""

    def touched(event: LiveEventLike) -> Sequence[str]:
        concerns = event.kind == "queue" and clinic_id in {"", event.payload.get("clinic_id")}
        return (fragment,) if concerns else ()

    return touched
