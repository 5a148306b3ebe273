"""What a peer of the comparison is: a program that reads MQTT messages and writes a row for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from edge.contracts.observations import OBSERVATION, TemperatureMeasured
from medtap.bench.ingest_load import Reading
from medtap.services.processes import ChildProcess

CREATE_TABLE: Final = (
    "CREATE TABLE peer_reading (device text NOT NULL, occurred_at timestamptz NOT NULL, temperature_celsius float8)"
)
"""No index and no partitions, which medtap's own table has: that is in the peers' favour."""


@dataclass(frozen=True)
class Workplace:
    """Where a peer reads and writes."""

    directory: Path
    """Its own, empty; deleted afterwards."""
    dsn: str
    """A database of its own with the table of `CREATE_TABLE`."""
    host: str
    port: int
    """The broker's, for MQTT 5."""
    port_v4: int
    """The broker's, for MQTT 3.1.1."""
    topic_root: str
    """It subscribes to everything below, with QoS 1."""


@dataclass(frozen=True)
class Missing:
    """A peer that is not there, and what would bring it."""

    name: str
    reason: str
    install: str


class Peer(Protocol):
    """A program that is installed."""

    @property
    def name(self) -> str:
        """For the table of results."""

    @property
    def version(self) -> str:
        """Of the program and what it needs to do the work."""

    @property
    def lacks(self) -> Sequence[str]:
        """What medtap does to each message in the same run and this does not."""

    def message(self, topic_root: str, reading: Reading) -> tuple[str, bytes]:
        """Topic and payload of one reading, in the form the program takes."""

    def process(self, workplace: Workplace) -> ChildProcess:
        """The program, set up for the work, not started. It subscribes in its own time."""


NOT_DONE: Final = (
    "no acknowledgement to the sender after COMMIT: what it took from the broker and had not written is lost with it",
    "no sequence numbers: a gap is not noticed",
    "no deduplication: a message sent twice is two rows",
)
"""True of each peer here; medtap does all three."""


def observation_json(reading: Reading) -> bytes:
    """The row that an edge node writes into a frame, without the frame's header, which only medtap needs."""
    return OBSERVATION.dump_json(
        TemperatureMeasured(
            device_id=f"probe-{reading.device}",
            occurred_at=reading.occurred_at,
            monotonic_ns=reading.monotonic_ns,
            temperature_celsius=reading.temperature_celsius,
        )
    )
