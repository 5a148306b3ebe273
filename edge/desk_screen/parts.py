"""The desk's own screen as the agent has it: nothing without a `[desk_screen]`, else the screen and its server."""

from datetime import datetime
from typing import Final

from edge.clock import Clock
from edge.config import DeskScreenConfig
from edge.contracts.streams import Stream
from edge.desk_screen.holder_reader import HolderReader
from edge.desk_screen.screen import DeskScreen, NodeHealth
from edge.desk_screen.server import ScreenServer
from edge.desk_screen.watching_recorder import WatchingRecorder
from edge.node_cards import NodeCards
from edge.recorder import Recorder
from edge.status import NodeStatus

_NS_PER_S: Final = 1e9
_UNKNOWN: Final = NodeHealth(
    gateway_reached=False,
    waiting_events=0,
    unreached_since=None,
    devices_down=(),
    card_list_at=None,
    card_list_is_old=False,
)


class DeskScreenParts:
    """Started and stopped with the agent, and told once a second how the node is doing."""

    def __init__(self, config: DeskScreenConfig | None, clock: Clock) -> None:
        """Takes the port at once, if there is to be a screen.

        Raises:
            ScreenError: it can't be served.
        """
        self._health = _UNKNOWN
        self._unreached_since: datetime | None = clock.stamp().occurred_at
        self.screen: DeskScreen | None = None
        self._server: ScreenServer | None = None
        if config is not None:
            self.screen = DeskScreen(lambda: clock.stamp().monotonic_ns / _NS_PER_S, lambda: self._health)
            self._server = ScreenServer(self.screen, config.host, config.port, config.language)

    @property
    def url(self) -> str:
        """Where the page is; empty if there is none."""
        return "" if self._server is None else self._server.url

    def watching(self, recorder: Recorder) -> Recorder:
        """The recorder, with the screen looking over its shoulder."""
        return recorder if self.screen is None else WatchingRecorder(recorder, self.screen)

    def holders(self, cards: NodeCards) -> HolderReader | None:
        """What reads names for the screen; None without a screen, or without the keys of an emergency terminal."""
        if self.screen is None or cards.terminal_keys is None:
            return None
        return HolderReader(cards.terminal_keys, cards.anchors, self.screen.show_holder)

    def start(self) -> None:
        """Serve from now on."""
        if self._server is not None:
            self._server.start()

    def stop(self) -> None:
        """End."""
        if self._server is not None:
            self._server.stop()

    def follow(
        self,
        status: NodeStatus,
        *,
        gateway_answers: bool,
        card_list_at: datetime | None = None,
        card_list_is_old: bool = False,
    ) -> None:
        """How the node is doing now; called once a second by one thread."""
        if gateway_answers:
            self._unreached_since = None
        elif self._unreached_since is None:
            self._unreached_since = status.written_at
        events = status.streams[Stream.EVENTS.value]
        health = NodeHealth(
            gateway_reached=gateway_answers,
            waiting_events=events.last_seq - events.acknowledged_seq,
            unreached_since=self._unreached_since,
            devices_down=tuple(name for name, device in status.devices.items() if device.state == "down"),
            card_list_at=card_list_at,
            card_list_is_old=card_list_is_old,
        )
        changed, self._health = health != self._health, health
        if changed and self.screen is not None:
            self.screen.health_changed()
