"""The figures by which conditions are judged and incidents are paged again: built in with a source, changed as data.

A figure of a device goes before that of its place, that before the hospital's ('*'), that before the built-in one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from gateway.alarms.errors import IncidentRefusedError
from gateway.db.pool import Connection

_DAY_S: Final = 86_400.0


@dataclass(frozen=True)
class Limit:
    """One figure: what it is unless changed, between what it may be changed, and where it comes from."""

    value: float
    least: float
    most: float
    source: str


def _repeats(
    still_out_s: float, unanswered_s: float, fold_s: float, shelve_most_s: float, why: str
) -> dict[str, Limit]:
    """How an incident is paged again. Upper ends: nothing can be silenced for ever, whatever figures are entered."""
    return {
        # Acknowledged and still active: paged again after so long.
        "still_out_s": Limit(still_out_s, 300, 14 * _DAY_S, why),
        # Still active and nobody has acknowledged: paged anew, whatever became of the escalation.
        "unanswered_s": Limit(unanswered_s, 300, 2 * _DAY_S, why),
        # Returned and back so soon after a page: no second page at once, one when the time is over.
        "fold_s": Limit(fold_s, 0, 3600, "flapping is folded: ISA-18.2 on chattering alarms"),
        "shelve_most_s": Limit(shelve_most_s, 600, 14 * _DAY_S, "ISA-18.2: shelving ends by itself; a shift at most"),
        # So many pages "still out" without a person's word, and the acknowledgement counts no more.
        "lapses_after": Limit(2, 1, 10, "our judgement: who does not answer twice is not looking after it"),
    }


DEFAULTS: Final[Mapping[str, Mapping[str, Limit]]] = MappingProxyType(
    {
        "rate_of_rise": {
            "window_s": Limit(900, 300, 7200, "long enough to see past one swing of a compressor"),
            "rise_celsius": Limit(1.0, 0.2, 20, "our judgement: a fridge without cooling rises 4 to 6 degrees an hour"),
            "within_s": Limit(2700, 300, 14_400, "time to get there before the limit is reached"),
        },
        "sensor_implausible": {
            "stuck_s": Limit(43_200, 1800, 7 * _DAY_S, "our judgement: no place is still to a tenth for half a day"),
            "jump_celsius": Limit(10, 1, 100, "our judgement: a probe in a bottle needs minutes for that"),
            "jump_within_s": Limit(60, 1, 3600, "two readings that follow each other"),
            "calm_s": Limit(600, 0, _DAY_S, "believed again after ten minutes of plausible readings"),
            "range_low_celsius": Limit(-55, -273.15, 100, "DS18B20 data sheet, if its record has no range"),
            "range_high_celsius": Limit(125, -200, 1000, "DS18B20 data sheet, if its record has no range"),
            "differ_celsius": Limit(3, 0.5, 30, "our judgement: top and bottom shelf differ by 1 to 2 degrees"),
            "differ_for_s": Limit(1800, 300, _DAY_S, "longer than a door opening is felt"),
        },
        "sensor_silent": {
            "silent_for_s": Limit(600, 60, _DAY_S, "our judgement: ten minutes of a warming fridge are no harm"),
            "intervals": Limit(3, 2, 100, "so many of the thermometer's own intervals, if that is longer"),
        },
        "agent_silent": {
            "silent_for_s": Limit(180, 30, 3600, "a node in a planned restart is back within two minutes"),
        },
        "clock_off": {
            "off_by_s": Limit(120, 10, 3600, "times further off are not believed on the wire; our ingest says so"),
            "for_s": Limit(600, 0, _DAY_S, "a node that has just started has not asked the time yet"),
        },
        "calibration_due": {
            "first_days": Limit(90, 1, 365, "viewLinc: 3 months, 1 month and on the day"),
            "second_days": Limit(30, 1, 365, "viewLinc: 3 months, 1 month and on the day"),
        },
        "dead_letters": {
            "most": Limit(0, 0, 10_000, "what nobody understood is nobody's reading: the first is told"),
        },
        "door_open": {
            # A fridge's air is past 8 degrees after a few minutes of an open door, its packs much later.
            "open_for_s": Limit(180, 10, 7200, "our judgement: putting stock in takes less"),
        },
        "power_cut": {
            "off_for_s": Limit(60, 0, 7200, "a generator takes over within a minute; what is longer is a cut"),
        },
        "battery_low": {
            "percent": Limit(20, 1, 90, "weeks are left at a fifth of a lithium cell"),
            "volts": Limit(3.3, 0.5, 48, "a 3.6 V lithium cell (Li-SOCl2) is nearly empty below 3.3 V under load"),
            "hysteresis_percent": Limit(5, 0, 50, "so that a warm day is no new battery"),
            "hysteresis_volts": Limit(0.1, 0, 5, "so that a warm day is no new battery"),
        },
        "again_critical": _repeats(
            1800, 900, 0, 4 * 3600, "our judgement: a fridge without cooling is past 8 degrees within the hour"
        ),
        "again_warning": _repeats(4 * 3600, 3600, 900, 8 * 3600, "half a shift; EEMUA 191 on alarm load"),
        "again_upkeep": _repeats(
            7 * _DAY_S, _DAY_S, 3600, 7 * _DAY_S, "batteries and certificates last for weeks; more is noise (EEMUA 191)"
        ),
        "out_of_service": {"most_s": Limit(7 * _DAY_S, 3600, 30 * _DAY_S, "a repair takes days; more is asked again")},
    }
)


@dataclass(frozen=True)
class Limits:
    """All figures in force."""

    changed: Mapping[tuple[str, str, str], float]
    """By kind, scope and name."""

    def of(self, kind: str, name: str, *, device_key: int | None = None, place_id: str | None = None) -> float:
        """One figure.

        Raises:
            KeyError: there is none of this name.
        """
        default = DEFAULTS[kind][name]
        for scope in (f"device:{device_key}", f"place:{place_id}", "*"):
            value = self.changed.get((kind, scope, name))
            if value is not None:
                return value
        return default.value


BUILT_IN: Final = Limits(MappingProxyType({}))


def load_limits(connection: Connection) -> Limits:
    """The figures in force now."""
    rows = connection.execute("SELECT kind, scope, name, value FROM condition_limit").fetchall()
    return Limits(MappingProxyType({(kind, scope, name): value for kind, scope, name, value in rows}))


def set_limit(
    connection: Connection, kind: str, scope: str, name: str, value: float | None, *, by: str, source: str, at: datetime
) -> None:
    """Change a figure, or (None) go back to the one that stands behind it.

    Raises:
        IncidentRefusedError: no such figure, or one that it may not be; says what is expected.
    """
    limit = DEFAULTS.get(kind, {}).get(name)
    if limit is None:
        raise IncidentRefusedError("limit_unknown", kind=kind, name=name)
    if value is None:
        connection.execute(
            "DELETE FROM condition_limit WHERE kind = %s AND scope = %s AND name = %s", (kind, scope, name)
        )
        return
    if not limit.least <= value <= limit.most:
        known = {"value": f"{value:g}", "least": f"{limit.least:g}", "most": f"{limit.most:g}"}
        raise IncidentRefusedError("limit_range", kind=kind, name=name, **known)
    connection.execute(
        "INSERT INTO condition_limit (kind, scope, name, value, source, changed_at, changed_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (kind, scope, name) DO UPDATE SET value = excluded.value,"
        " source = excluded.source, changed_at = excluded.changed_at, changed_by = excluded.changed_by",
        (kind, scope, name, value, source, at, by),
    )
