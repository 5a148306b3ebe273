"""What happens in the simulated hospital by itself: an endless, seeded list of commands, and its player.

The list depends on the seed only; the clock decides when the next command is due, never which one it is.
"""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from firmware_sim.hospital import Hospital

Command = dict[str, object]

_EXCURSION_FIRST_S = 6.0
_EXCURSION_LASTS_S = 30.0
"""Longer than a demonstration's alarm delay, so that the warm fridge becomes an alarm."""
_EXCURSION_EVERY_S = 240.0
_EXCURSION_CELSIUS = 12.0


@dataclass(frozen=True, order=True)
class Planned:
    """A command and when it is due, in seconds from the start of play."""

    due_s: float
    number: int
    """Breaks ties: the command itself has no order."""
    verb: str
    arguments: tuple[tuple[str, object], ...]

    @property
    def command(self) -> Command:
        """As the control socket takes it."""
        return {"do": self.verb, **dict(self.arguments)}


def plan(hospital: Hospital) -> Iterator[Planned]:
    """All that will happen, in order of time, without end."""
    tracks = (_taps, _packs, _nfc_tags, _shelf, _doors, _excursions)
    return heapq.merge(
        *(
            track(hospital, random.Random(f"{hospital.seed}/autoplay/{track.__name__}"), lane * 1_000_000)  # noqa: S311
            for lane, track in enumerate(tracks)
        )
    )


class Autoplayer:
    """Plays the plan while it is on. `step` is called often by the world's thread."""

    def __init__(self, hospital: Hospital, do: Callable[[Command], object]) -> None:
        """`do` carries a command out; it is called from the thread that calls `step`."""
        self._plan = plan(hospital)
        self._do = do
        self._next = next(self._plan)
        self._played_s = 0.0
        self.on = False

    def step(self, elapsed_s: float) -> None:
        """Let time pass (while it is on) and do what is due."""
        if not self.on:
            return
        self._played_s += elapsed_s
        while self._next.due_s <= self._played_s:
            due, self._next = self._next, next(self._plan)
            self._do(due.command)


def _taps(hospital: Hospital, rng: random.Random, number: int) -> Iterator[Planned]:
    """Children come to the desk; now and then one taps again, a lost card shows up, or a forged one."""
    active = [index for index, patient in enumerate(hospital.patients) if patient.card_state == "active"]
    lost = [index for index, patient in enumerate(hospital.patients) if patient.card_state != "active"]
    rng.shuffle(active)
    due_s, last = 1.0, active[0]
    visits = 0
    while True:
        chance = rng.random()
        verb, patient = "tap", last
        if chance < 0.07:  # noqa: PLR2004 - shares of the cases above
            verb, patient = "tap_clone", rng.choice(active)
        elif chance < 0.12 and lost:  # noqa: PLR2004
            patient = rng.choice(lost)
        elif chance > 0.2:  # noqa: PLR2004
            patient = last = active[visits % len(active)]
            visits += 1
        yield Planned(due_s, number, verb, (("patient", patient),))
        due_s += rng.uniform(3.0, 7.0)
        number += 1


def _packs(hospital: Hospital, rng: random.Random, number: int) -> Iterator[Planned]:
    """Packs come in and go out, oldest first; some lines break off, some packs are scanned twice."""
    due_s, received, issued = 1.5, 0, 0
    while True:
        chance = rng.random()
        in_store = received - issued
        if chance < 0.06:  # noqa: PLR2004 - shares of the cases above
            yield Planned(
                due_s, number, "half_scan", (("scanner", "receiving"), ("pack", received % len(hospital.packs)))
            )
        elif chance < 0.12 and in_store:  # noqa: PLR2004
            again = (received - 1) % len(hospital.packs)
            yield Planned(due_s, number, "scan", (("scanner", "receiving"), ("pack", again)))
        elif in_store > 3 and chance < 0.5:  # noqa: PLR2004
            yield Planned(due_s, number, "scan", (("scanner", "issue"), ("pack", issued % len(hospital.packs))))
            issued += 1
        elif received < len(hospital.packs):
            yield Planned(due_s, number, "scan", (("scanner", "receiving"), ("pack", received)))
            received += 1
        elif in_store:
            yield Planned(due_s, number, "scan", (("scanner", "issue"), ("pack", issued % len(hospital.packs))))
            issued += 1
        due_s += rng.uniform(2.5, 6.0)
        number += 1


def _nfc_tags(hospital: Hospital, rng: random.Random, number: int) -> Iterator[Planned]:
    """The pharmacist holds a pack to the NFC reader to look it up; one tag in twelve is written badly."""
    due_s = 4.0
    while True:
        if rng.random() < 1 / 12:
            yield Planned(due_s, number, "garbage_tag", ())
        else:
            yield Planned(due_s, number, "nfc_tag", (("pack", rng.randrange(len(hospital.packs))),))
        due_s += rng.uniform(9.0, 16.0)
        number += 1


def _shelf(hospital: Hospital, rng: random.Random, number: int) -> Iterator[Planned]:
    """Labelled packs are laid on the RFID shelf and taken away; a dozen lie there at most."""
    due_s = 2.0
    there: list[int] = []
    while True:
        if len(there) >= 12 or (len(there) > 4 and rng.random() < 0.4):  # noqa: PLR2004 - a small shelf
            pack = there.pop(rng.randrange(len(there)))
            yield Planned(due_s, number, "uhf_take", (("pack", pack),))
        else:
            pack = rng.choice([index for index in range(len(hospital.packs)) if index not in there])
            there.append(pack)
            yield Planned(due_s, number, "uhf_put", (("pack", pack), ("antenna", 1)))
        due_s += rng.uniform(2.0, 5.0)
        number += 1


def _doors(hospital: Hospital, rng: random.Random, number: int) -> Iterator[Planned]:
    """Someone takes something from a fridge: the door is open for a second of demonstration time."""
    due_s = 7.0
    fridges = [spec.fridge_id for spec in hospital.fridges[1:]]
    while True:
        fridge = rng.choice(fridges)
        yield Planned(due_s, number, "door", (("fridge", fridge), ("open", True)))
        yield Planned(due_s + rng.uniform(0.5, 1.0), number + 1, "door", (("fridge", fridge), ("open", False)))
        due_s += rng.uniform(8.0, 15.0)
        number += 2


def _excursions(hospital: Hospital, rng: random.Random, number: int) -> Iterator[Planned]:
    """The first fridge warms past its limit for long enough to alarm, is mended, and after some minutes again."""
    due_s = _EXCURSION_FIRST_S
    fridge = ("fridge", hospital.fridges[0].fridge_id)
    while True:
        yield Planned(due_s, number, "warm", (fridge, ("celsius", _EXCURSION_CELSIUS)))
        yield Planned(due_s + _EXCURSION_LASTS_S, number + 1, "cool", (fridge,))
        due_s += _EXCURSION_EVERY_S + rng.uniform(0.0, 60.0)
        number += 2
