"""What a play of the demo came to: what the edge nodes committed, beside what the database holds."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg


@dataclass(frozen=True)
class NodeTally:
    """What one edge node says of itself in its status.json."""

    readings_committed: int
    events_committed: int
    waiting: int
    """Rows that the gateway has not acknowledged."""
    connected: bool
    devices_up: int
    devices: int


def read_node(state_dir: Path) -> NodeTally | None:
    """The tally of one node; None if it has not written its state yet."""
    try:
        state = json.loads((state_dir / "status.json").read_text())
    except FileNotFoundError:
        return None
    return NodeTally(
        readings_committed=state["readings_committed"],
        events_committed=state["events_committed"],
        waiting=sum(one["last_seq"] - one["acknowledged_seq"] for one in state["streams"].values()),
        connected=state["connected"],
        devices_up=sum(device["state"] == "up" for device in state["devices"].values()),
        devices=len(state["devices"]),
    )


_COUNTS = """
    SELECT (SELECT count(*) FROM reading),
           (SELECT count(*) - count(DISTINCT (epoch_key, seq)) FROM reading)
         + (SELECT count(*) - count(DISTINCT (epoch_key, seq)) FROM event),
           (SELECT count(*) FROM visit),
           (SELECT count(*) FROM movement),
           (SELECT count(*) FROM alarm),
           (SELECT count(*) FROM page WHERE delivered_at IS NOT NULL),
           (SELECT count(*) FROM dead_letter)
"""


def report(dsn: str, nodes: Iterable[NodeTally], *, ready_seconds: float) -> Mapping[str, Any]:
    """The demo's closing report (`medtap demo --json`).

    `readings_generated` is what the simulated thermometers delivered to the agents and the agents committed;
    everything else is counted in the database. `pages_sent` counts each channel that took a page.
    """
    with psycopg.connect(dsn) as connection:
        row = connection.execute(_COUNTS).fetchone()
    names = ("readings_stored", "duplicates", "check_ins", "movements", "alarms", "pages_sent", "dead_letters")
    return {
        "ready_seconds": round(ready_seconds, 2),
        "readings_generated": sum(node.readings_committed for node in nodes),
        **dict(zip(names, row or (), strict=True)),
    }
