"""The faults by name, and which of them this machine can't have."""

import os
import shutil
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from medtap.chaos.clock_jump import find_library
from medtap.chaos.network_namespace import can_make_one
from medtap.services.errors import ServiceError


class Fault(StrEnum):
    """What can be done to the fleet."""

    KILL_AGENT = "kill_agent"
    """kill -9 of one agent; started again when it ends."""
    STALL_AGENT = "stall_agent"
    """One agent's process stands still for some seconds and goes on, as in a virtual machine that is paused."""
    KILL_GATEWAY = "kill_gateway"
    KILL_BROKER = "kill_broker"
    WIPE_BROKER = "wipe_broker"
    """The broker's store is deleted while the gateway lives. rumqttd keeps it in memory: the same as a kill."""
    KILL_POSTGRES = "kill_postgres"
    """kill -9 of the postmaster, then crash recovery."""
    STOP_POSTGRES = "stop_postgres"
    """The database is shut down in order and is away for some seconds."""
    OVERFLOW_BROKER_QUEUE = "overflow_broker_queue"
    """The gateway is away while agents send into a broker whose log keeps only some kilobytes."""
    CUT_AFTER_COMMIT = "cut_after_commit"
    """A connection of the ingest is cut after COMMIT reached the server and before its answer reaches the gateway."""
    PARTITION = "partition"
    """Nothing passes between one agent (or the gateway) and the broker, without FIN or RST; then it passes again."""
    HALF_OPEN = "half_open"
    """The same, but connections of that time stay dead for ever: only keepalive finds out."""
    LINK_DOWN = "link_down"
    """The cable of the last agent, which lives in a network namespace, is pulled and put back."""
    DUPLICATE_FRAMES = "duplicate_frames"
    REORDER_FRAMES = "reorder_frames"
    CORRUPT_FRAMES = "corrupt_frames"
    """Messages on their way from the broker to the gateway: twice, in another order, with a flipped bit."""
    SMALL_DISK = "small_disk"
    """The disk of one agent is full for some seconds."""
    CLOCK_JUMP = "clock_jump"
    """The wall clock of one agent is off by hours or years for some seconds."""
    SWAP_OUTBOX = "swap_outbox"
    """An agent is killed and comes up with another outbox file: a new one, or one that was taken out earlier."""
    RESTORE_BACKUP = "restore_backup"
    """The database goes back to a backup that is some seconds old."""


CORE: Final = (
    Fault.KILL_AGENT,
    Fault.KILL_GATEWAY,
    Fault.KILL_BROKER,
    Fault.KILL_POSTGRES,
    Fault.CUT_AFTER_COMMIT,
    Fault.PARTITION,
    Fault.DUPLICATE_FRAMES,
    Fault.REORDER_FRAMES,
    Fault.CORRUPT_FRAMES,
    Fault.SWAP_OUTBOX,
)
"""What a short run in CI does (`--faults core`)."""


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Faults of a list such as "kill_agent,partition"; "all" is every fault, "core" a short run's.

    Raises:
        ServiceError: an unknown name, or none at all.
    """
    if text == "all":
        return tuple(Fault)
    if text == "core":
        return CORE
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(Fault)]
    if unknown or not names:
        raise ServiceError(f"--faults: got {text!r}: expected all, core or a list of {', '.join(Fault)}")
    return tuple(dict.fromkeys(Fault(name) for name in names))


def unavailable(faults: Iterable[Fault]) -> Mapping[Fault, str]:
    """Those of `faults` that can't be done here, each with the reason and the mend."""
    reasons: dict[Fault, str] = {}
    if os.geteuid() != 0 or shutil.which("mount") is None:
        reasons[Fault.SMALL_DISK] = "needs root, to mount a small tmpfs"
    if not can_make_one():
        reasons[Fault.LINK_DOWN] = "needs root, iproute2 and network namespaces"
    if find_library() is None:
        reasons[Fault.CLOCK_JUMP] = "libfaketime is not there: on Debian, apt install faketime"
    return {fault: reasons[fault] for fault in faults if fault in reasons}
