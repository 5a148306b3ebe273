"""The status file of an agent: what it is doing, for `medtap edge status`, scripts and service managers."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.outbox_view import OutboxView

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class _Status(BaseModel):
    model_config = ConfigDict(frozen=True)


class StreamStatus(_Status):
    """One stream: `last_seq - acknowledged_seq` rows wait for the gateway."""

    epoch: str
    last_seq: int
    acknowledged_seq: int


class DeviceEntry(_Status):
    """One device, as its supervisor sees it."""

    state: Literal["starting", "up", "down"]
    reason: str
    driver: str


class CardStatusEntry(_Status):
    """The card status list in use."""

    number: int
    issued_at: datetime
    cards: int
    """How many cards are to be refused."""
    age_s: float | None
    """None: this machine's clock is behind the list."""
    stale: bool


class NodeStatus(_Status):
    """The whole file."""

    site: str
    edge_node: str
    pid: int
    boot_id: str
    written_at: datetime
    """A running agent writes every second: older than some seconds, and it does not run."""
    running: bool
    """False in the last words of an agent that ended in order."""
    connected: bool
    """To the broker; says nothing of the gateway."""
    link_error: str
    """Why there is no connection, or why the last one ended."""
    clock_offset_s: float | None
    """Seconds that this machine's clock is ahead of the gateway's; None before its first answer."""
    streams: dict[str, StreamStatus]
    readings_committed: int
    """Ever committed to the present outbox file."""
    events_committed: int
    """Ever committed to the present outbox file."""
    frames_sent: int
    """By this run."""
    acks_ignored: dict[str, int]
    """By this run, by reason."""
    outbox: OutboxView | None = None
    """None if it could not be read just now."""
    devices: dict[str, DeviceEntry]
    card_status: CardStatusEntry | None = None
    """None: no list of lost and revoked cards that this node believes."""
    card_status_ignored: dict[str, int] = Field(default_factory=dict)
    """Parts of such lists that were not used, by this run, by reason."""
    rss_mb: Annotated[float, Field(ge=0)]
    """Memory of the process that is in RAM, in MB (10^6 bytes)."""


def write_status(path: Path, status: NodeStatus) -> None:
    """Replace the file as a whole: a reader sees the old one or the new one.

    Raises:
        OSError: it can't be written.
    """
    new = path.with_name(path.name + ".new")
    new.write_text(status.model_dump_json(indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def read_status(path: Path) -> NodeStatus:
    """What the agent last said of itself.

    Raises:
        FileNotFoundError: it has not run yet.
        pydantic.ValidationError: another version wrote it.
    """
    return NodeStatus.model_validate_json(path.read_bytes())


def rss_mb() -> float:
    """Resident memory of this process in MB (10^6 bytes); proc(5): the second field of statm, in pages."""
    resident_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(resident_pages * _PAGE_BYTES / 1e6, 1)
