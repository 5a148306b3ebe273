"""A month of many fridges with doors, defrosts and faults: how often somebody is woken, and whether anything is missed.

Covered: the shipped rules of a vaccine refrigerator judged by the real engine, and the paging policy's figures
(`gateway.alarms.limits`): one incident for a fridge, one for a power cut, paged anew while it is unanswered or still
out, flapping folded. Somebody answers each page after some minutes. Not covered: the database, channels, escalation,
rate of rise and sensor faults, which page too. What a thermometer in a buffer bottle shows is a model, not measured.
"""

import math
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from gateway.alarms.limits import DEFAULTS
from inventory.cold_chain.instant import MINUTE_US
from inventory.cold_chain.rule_run import Excursion, RuleRun
from inventory.cold_chain.storage_class import CLASSES

INTERVAL_MIN: Final = 5
SHIFT_H: Final = 8
_DAY_MIN: Final = 24 * 60
_SETPOINT: Final = 4.8
_ROOM: Final = 27.0
_BUFFER_MIN: Final = 12.0
"""Time constant of a probe in glycol."""
_WALLS_MIN: Final = 420.0
"""Time constant of a full fridge without cooling."""
_ANSWER_MIN: Final = (3.0, 25.0)


@dataclass(frozen=True)
class Alarm:
    """A condition of a fridge, in minutes since the month began."""

    fridge: int
    kind: str
    severity: str
    raised_min: float
    ended_min: float
    scope: str


def simulate(days: int, fridges: int, seed: int) -> dict[str, Any]:
    """The month: pages by shift, and matured excursions that nobody was told of."""
    chance = random.Random(seed)  # noqa: S311 - a seed, no secret
    cuts = [
        (start, start + chance.uniform(20, 150))
        for start in sorted(chance.uniform(0, days * _DAY_MIN) for _ in range(_how_many(chance, days / 15)))
    ]
    alarms: list[Alarm] = []
    outside = 0
    for fridge in range(fridges):
        own = random.Random(f"{seed}/{fridge}")  # noqa: S311 - a seed, no secret
        found, count = _judge(fridge, _readings(own, days, cuts), cuts)
        alarms += found
        outside += count
    pages = _pages(alarms, chance)
    shifts = Counter(int(at // (SHIFT_H * 60)) for at, _, _ in pages)
    by_shift = [shifts.get(number, 0) for number in range(days * 24 // SHIFT_H)]
    return {
        "days": days,
        "fridges": fridges,
        "seed": seed,
        "readings": days * _DAY_MIN // INTERVAL_MIN * fridges,
        "excursions": outside,
        "matured": len(alarms),
        "incidents": len({(scope, number) for _, scope, number in pages}),
        "pages": len(pages),
        "pages_per_shift_median": median(by_shift),
        "pages_per_shift_most": max(by_shift),
        "matured_unpaged": unpaged(alarms, pages),
        "power_cuts": len(cuts),
        "covers": "threshold rules of class refrigerator, incidents, paging anew; pages that something returned are"
        " not counted; not the database, channels, rate of rise, sensor faults",
    }


def _how_many(chance: random.Random, expected: float) -> int:
    """Poisson."""
    number, product, floor = 0, chance.random(), math.exp(-expected)
    while product > floor:
        number, product = number + 1, product * chance.random()
    return number


def _times(chance: random.Random, days: int, a_day: float, hours: tuple[int, int] = (0, 24)) -> Iterator[float]:
    for day in range(days):
        for _ in range(_how_many(chance, a_day)):
            yield day * _DAY_MIN + chance.uniform(hours[0], hours[1]) * 60


def _spans(chance: random.Random, days: int, cuts: Sequence[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """(from, until, where the air goes meanwhile): doors, restocking, defrosts, what breaks."""
    found = [(at, at + chance.uniform(0.5, 3), 14.0) for at in _times(chance, days, 14, (7, 17))]
    found += [(at, at + chance.uniform(8, 20), 9.5) for at in _times(chance, days, 0.3, (7, 15))]
    first = chance.uniform(0, 480)
    found += [(at, at + 18, 8.5) for at in _every(first, 480, days)]
    if chance.random() < days / 250:  # the compressor dies and is looked after some hours later
        at = chance.uniform(0, days * _DAY_MIN)
        found.append((at, at + chance.uniform(150, 600), _ROOM))
    if chance.random() < days / 500:  # the thermostat sticks
        at = chance.uniform(0, days * _DAY_MIN)
        found.append((at, at + chance.uniform(200, 500), -3.0))
    return [*found, *((begin, end, _ROOM) for begin, end in cuts)]


def _every(first: float, step: float, days: int) -> Iterator[float]:
    at = first
    while at < days * _DAY_MIN:
        yield at
        at += step


def _readings(chance: random.Random, days: int, cuts: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """(minute, degrees), every 5 minutes; now and then an hour is missing."""
    starts, spans = [], sorted(_spans(chance, days, cuts))
    starts = [span[0] for span in spans]
    setpoint = _SETPOINT + chance.uniform(-0.5, 0.5)
    missing = {int(at // INTERVAL_MIN) + step for at in _times(chance, days, 0.1) for step in range(12)}
    air = probe = setpoint
    for number in range(days * _DAY_MIN // INTERVAL_MIN):
        at = float(number * INTERVAL_MIN)
        target, tau = setpoint + 0.7 * math.sin(at / 6.5), 8.0
        for span in spans[max(0, bisect_left(starts, at - 700)) : bisect_left(starts, at + INTERVAL_MIN)]:
            overlap = min(span[1], at + INTERVAL_MIN) - max(span[0], at)
            if overlap > 0:
                share = overlap / INTERVAL_MIN
                target += (span[2] - target) * share
                tau = _WALLS_MIN if span[2] in {_ROOM, -3.0} else tau
        air += (target - air) * (1 - math.exp(-INTERVAL_MIN / tau))
        probe += (air - probe) * (1 - math.exp(-INTERVAL_MIN / _BUFFER_MIN))
        if number not in missing:
            yield at, round(probe + chance.gauss(0, 0.06), 2)


def _judge(
    fridge: int, readings: Iterator[tuple[float, float]], cuts: Sequence[tuple[float, float]]
) -> tuple[list[Alarm], int]:
    runs = [RuleRun(rule, 3 * INTERVAL_MIN * MINUTE_US) for rule in CLASSES["refrigerator"].rules]
    found: list[Excursion] = []
    for at, value in readings:
        for run in runs:
            ended = run.advance(round(at) * MINUTE_US, value)
            if ended is not None:
                found.append(ended)
    found += [last for run in runs if (last := run.excursion()) is not None]
    alarms = []
    for each in found:
        if each.triggered_us is None:
            continue
        raised = each.triggered_us / MINUTE_US
        ended_min = math.inf if each.ended_us is None else each.ended_us / MINUTE_US
        started = each.started_us / MINUTE_US
        cut = next((number for number, (begin, end) in enumerate(cuts) if begin <= started <= end + 120), None)
        scope = f"fridge {fridge}" if cut is None else f"power cut {cut}"
        alarms.append(Alarm(fridge, each.rule.name, each.rule.severity, raised, ended_min, scope))
    return alarms, len(found)


def _pages(alarms: Sequence[Alarm], chance: random.Random) -> list[tuple[float, str, int]]:
    """(minute, scope, number of the incident) of every page that rings."""
    pages: list[tuple[float, str, int]] = []
    by_scope: dict[str, list[Alarm]] = {}
    for alarm in sorted(alarms, key=lambda each: each.raised_min):
        by_scope.setdefault(alarm.scope, []).append(alarm)
    for scope, mine in by_scope.items():
        for number, incident in enumerate(_incidents(mine)):
            pages += [(at, scope, number) for at in _ring(incident, chance)]
    return sorted(pages)


def _incidents(alarms: Sequence[Alarm]) -> list[list[Alarm]]:
    """What overlaps, or comes back before the flapping is folded, is one."""
    fold = DEFAULTS["again_warning"]["fold_s"].value / 60
    found: list[list[Alarm]] = []
    for alarm in alarms:
        if found and alarm.raised_min <= max(each.ended_min for each in found[-1]) + fold:
            found[-1].append(alarm)
        else:
            found.append([alarm])
    return found


def _ring(incident: Sequence[Alarm], chance: random.Random) -> Iterator[float]:
    """Raised, worse, and still out after it was acknowledged."""
    severity, at = incident[0].severity, incident[0].raised_min
    yield at
    for alarm in incident[1:]:
        if alarm.severity == "critical" and severity == "warning":
            severity, at = "critical", alarm.raised_min
            yield at
    ended = max(each.ended_min for each in incident)
    again = DEFAULTS[f"again_{severity}"]["still_out_s"].value / 60
    answered = at + chance.uniform(*_ANSWER_MIN)
    due = answered + again
    while due < min(ended, at + _DAY_MIN):
        yield due
        due += chance.uniform(*_ANSWER_MIN) + again


def unpaged(alarms: Sequence[Alarm], pages: Sequence[tuple[float, str, int]]) -> int:
    """Matured excursions in whose incident nothing had rung when they matured, or rings then."""
    rung: dict[str, list[float]] = {}
    for at, scope, _ in pages:
        rung.setdefault(scope, []).append(at)
    missed = 0
    for scope in {alarm.scope for alarm in alarms}:
        for incident in _incidents([alarm for alarm in alarms if alarm.scope == scope]):
            first = min(each.raised_min for each in incident)
            missed += sum(not any(first <= at <= each.raised_min for at in rung.get(scope, ())) for each in incident)
    return missed
