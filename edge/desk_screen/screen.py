"""The state of the desk's own screen: the newest tap, the taps before it without names, and how the node is doing.

Filled by the drivers' threads, read by the page's requests. A name is shown while its card lies on the reader and a
little longer, and exists nowhere but here: not on disk, not on the wire.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from edge.contracts.observations import CardPresented, CardRemoved
from edge.desk_screen.shown_tap import Holder, ShownTap

HOLDER_SHOWN_S: Final = 60.0
"""How long after its card has left a name stays on the screen, in seconds: for the clerk, not for the next in line."""
TAPS_KEPT: Final = 30


@dataclass(frozen=True)
class NodeHealth:
    """How the node is doing, for the banner."""

    gateway_reached: bool
    """The gateway answered on the present connection."""
    waiting_events: int
    """Taps and scans that the gateway has not taken yet."""
    unreached_since: datetime | None
    devices_down: tuple[str, ...]
    card_list_at: datetime | None
    """When the list of withdrawn cards was made that taps are judged by; None: there is none."""
    card_list_is_old: bool


class DeskScreen:
    """What the page shows. Safe from any thread."""

    def __init__(self, monotonic_s: Callable[[], float], health: Callable[[], NodeHealth]) -> None:
        """`health` is asked at each look."""
        self._monotonic_s = monotonic_s
        self._health = health
        self._changed = threading.Condition()
        self._version = 1
        self._taps: deque[ShownTap] = deque(maxlen=TAPS_KEPT)
        self._left_at_s: float | None = None

    def show(self, card: CardPresented) -> None:
        """A card was read and its event is on disk."""
        with self._changed:
            self._hide_holder()
            self._taps.appendleft(ShownTap.of(card))
            self._left_at_s = None
            self._tell()

    def show_holder(self, device_id: str, occurred_at: datetime, holder: Holder) -> None:
        """Whose card the newest tap is; too late for a tap that is not the newest any more."""
        with self._changed:
            if self._taps and (self._taps[0].device_id, self._taps[0].occurred_at) == (device_id, occurred_at):
                self._taps[0] = replace(self._taps[0], holder=holder)
                self._tell()

    def removed(self, card: CardRemoved) -> None:
        """A card left: its holder's name will be hidden soon."""
        with self._changed:
            if self._taps and self._taps[0].device_id == card.device_id and self._left_at_s is None:
                self._left_at_s = self._monotonic_s()
                self._tell()

    def health_changed(self) -> None:
        """There is something new in the banner."""
        with self._changed:
            self._tell()

    def state_after(self, version: int, timeout_s: float) -> dict[str, Any]:
        """What to show, as soon as there is anything newer than `version`, or when the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._version > version, timeout_s)
            if self._left_at_s is not None and self._monotonic_s() - self._left_at_s > HOLDER_SHOWN_S:
                self._hide_holder()
            taps = list(self._taps)
            told = {
                "version": self._version,
                "card_is_there": bool(taps) and self._left_at_s is None,
                "newest": taps[0].to_json() if taps else None,
                "before": [tap.to_json() for tap in taps[1:]],
            }
        return {**told, "health": _health_json(self._health())}

    def _hide_holder(self) -> None:
        if self._taps and self._taps[0].holder is not None:
            self._taps[0] = replace(self._taps[0], holder=None)

    def _tell(self) -> None:
        self._version += 1
        self._changed.notify_all()


def _health_json(health: NodeHealth) -> dict[str, Any]:
    def iso(at: datetime | None) -> str | None:
        return None if at is None else at.astimezone(UTC).isoformat()

    return {
        "gateway_reached": health.gateway_reached,
        "waiting_events": health.waiting_events,
        "unreached_since": iso(health.unreached_since),
        "devices_down": list(health.devices_down),
        "card_list_at": iso(health.card_list_at),
        "card_list_is_old": health.card_list_is_old,
    }
