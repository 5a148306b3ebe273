"""Random lives of incidents: whatever happens in whatever order, nothing is silent for ever and no page is lost."""

import random
from datetime import timedelta
from typing import Any, Final

import pytest

from gateway.alarms.errors import IncidentRefusedError
from gateway.alarms.limits import BUILT_IN
from tests.gateway.alarm_kit import Alarms
from tests.gateway.ingest_kit import Database

pytestmark = pytest.mark.integration

_SUBJECTS: Final = (
    ("door_open", "fridge-1", "warning"),
    ("temperature_high", "fridge-1", "critical"),
    ("temperature_high", "ward", "warning"),
    ("battery_low", None, "warning"),
)
_ACTS: Final = ("begin", "begin", "begin", "end", "end", "acknowledge", "shelve", "wait", "away")
_SEEDS: Final = 14
_STEPS: Final = 22
_LONGEST: Final = timedelta(
    seconds=max(
        BUILT_IN.of(kind, name)
        for kind in ("again_critical", "again_warning", "again_upkeep")
        for name in ("still_out_s", "unanswered_s", "shelve_most_s")
    )
)


def _do(alarms: Alarms, act: str, number: int) -> None:
    if act in {"begin", "end"}:
        kind, place, severity = _SUBJECTS[number]
        if act == "begin":
            alarms.begin(kind, place=place, subject=f"{place}/{kind}", severity=severity)  # type: ignore[arg-type]
        else:
            alarms.end(kind, subject=f"{place}/{kind}")
    elif act == "wait":
        alarms.wait(number, step=max(1.0, number / 3))
    elif act == "away":
        alarms.later(number)
    else:
        _answer(alarms, act, number)


def _answer(alarms: Alarms, act: str, number: int) -> None:
    numbers = _column(alarms, "SELECT incident_number FROM incident WHERE closed_at IS NULL ORDER BY scope")
    if not numbers:
        return
    which = numbers[number % len(numbers)]
    try:
        if act == "acknowledge":
            alarms.acknowledge(which)
        else:
            alarms.shelve(number, which)
    except IncidentRefusedError as refused:
        assert refused.code == "silenced_too_long"  # noqa: PT017 - the one that may be refused


_BROKEN: Final = """\
SELECT 'two open incidents of one fridge' FROM incident WHERE closed_at IS NULL GROUP BY scope HAVING count(*) > 1
UNION ALL SELECT 'active, and its incident says that it is over' FROM alarm a JOIN incident i USING (incident_id)
    WHERE a.returned_at IS NULL AND (i.closed_at IS NOT NULL OR i.returned_at IS NOT NULL)
UNION ALL SELECT 'over without having returned and been acknowledged' FROM incident
    WHERE closed_at IS NOT NULL AND (returned_at IS NULL OR acknowledged_at IS NULL)
UNION ALL SELECT 'silenced for too long' FROM incident WHERE silenced_until > %(latest)s
UNION ALL SELECT 'active, and not due to be paged' FROM incident WHERE closed_at IS NULL AND returned_at IS NULL
    AND silenced_until IS NULL AND (next_page_at IS NULL OR next_page_at > %(latest)s)
UNION ALL SELECT 'raised and never paged' FROM incident i WHERE i.silenced_until IS NULL AND NOT EXISTS
    (SELECT FROM incident_journal j WHERE j.incident_id = i.incident_id AND j.what = 'paged')
UNION ALL SELECT 'critical, and never paged as critical' FROM incident i WHERE severity = 'critical'
    AND i.silenced_until IS NULL AND NOT EXISTS (SELECT FROM incident_journal j WHERE j.incident_id = i.incident_id
    AND j.what = 'paged' AND j.facts->>'severity' = 'critical')
UNION ALL SELECT 'paged, and the pager knows nothing of it' FROM incident i WHERE EXISTS
    (SELECT FROM incident_journal j WHERE j.incident_id = i.incident_id AND j.what = 'paged')
    AND NOT EXISTS (SELECT FROM pager_run r WHERE r.incident_id = i.incident_id)"""
"""What must never be."""


def _check(alarms: Alarms) -> None:
    with alarms.transaction() as connection:
        broken = connection.execute(_BROKEN, {"latest": alarms.now + _LONGEST}).fetchall()
    assert broken == []


def _column(alarms: Alarms, query: str, *values: object) -> list[Any]:
    with alarms.transaction() as connection:
        return [row[0] for row in connection.execute(query.encode(), values).fetchall()]


def _life(seed: int) -> list[tuple[str, int]]:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    acts = [chance.choice(_ACTS) for _ in range(_STEPS)]
    most = {"begin": 3, "end": 3, "acknowledge": 9, "shelve": 8 * 60, "wait": 600, "away": 600}
    return [(act, chance.randint(0 if act in {"begin", "end", "acknowledge"} else 1, most[act])) for act in acts]


def test_nothing_is_silent_for_ever_no_page_is_lost_and_a_fridge_has_one_open_incident(database: Database) -> None:
    for seed in range(_SEEDS):
        alarms = Alarms(database)
        with alarms.transaction() as connection:
            connection.execute("TRUNCATE alarm, incident, incident_journal, page, pager_run, page_incident CASCADE")
        try:
            _live(alarms, _life(seed))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {_life(seed)!r}") from error


def _live(alarms: Alarms, steps: list[tuple[str, int]]) -> None:
    for act, number in steps:
        _do(alarms, act, number)
        _check(alarms)
    # Whatever is still so after all that is paged within the longest time that anything may be silent for.
    active = _column(alarms, "SELECT scope FROM incident WHERE closed_at IS NULL AND returned_at IS NULL")
    began, longest = alarms.now, _LONGEST.total_seconds() / 60
    alarms.wait(2 * longest + 2, step=longest)
    paged = _column(
        alarms,
        "SELECT i.scope FROM incident_journal j JOIN incident i USING (incident_id)"
        " WHERE j.what = 'paged' AND j.at > %s",
        began,
    )
    assert set(active) <= set(paged)
    _check(alarms)
