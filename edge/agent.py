"""The agent: one edge node put together, run until it is told to stop, and ended in order.

config -> outbox -> supervisor (drivers) -> flusher -> uplink -> status.json
"""

import contextlib
import logging
import os
import threading
from importlib.metadata import PackageNotFoundError, version
from random import Random
from typing import Final

from edge.agent_errors import AgentError
from edge.clock import Clock, SystemClock
from edge.config import EdgeConfig
from edge.contracts.node_state import DeviceDeclared
from edge.contracts.observations import DeviceStateChanged
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender
from edge.delivery import Delivery
from edge.desk_screen.parts import DeskScreenParts
from edge.desk_screen.server import ScreenError
from edge.drivers.build import build_drivers
from edge.mqtt_link import MqttLink
from edge.node_cards import NodeCards, card_status_entry
from edge.outbox import Outbox, OutboxError
from edge.outbox_recorder import OutboxRecorder
from edge.outbox_view import OutboxView
from edge.status import DeviceEntry, NodeStatus, StreamStatus, rss_mb, write_status
from edge.supervisor import Supervisor, SupervisorPolicy
from edge.telemetry_flusher import TelemetryFlusher
from edge.uplink import Uplink

STATUS_INTERVAL_S: Final = 1.0
DRAIN_S: Final = 3.0
"""How long an orderly end may take to get rows to the gateway; what is left goes after the next start."""

DRIVERS_STOP_S: Final = 5.0
UPLINK_SILENT_MAX_S: Final = 120.0
"""Longest healthy silence of the uplink's thread: twice what a name server that does not answer costs (resolv.conf(5):
5 s for each of two tries at up to three servers) and a connection attempt."""

_LOG = logging.getLogger(__name__)


class Agent:
    """One edge node. An instance runs once."""

    def __init__(self, config: EdgeConfig, clock: Clock | None = None) -> None:
        """Nothing is opened before `run`."""
        self._config = config
        self._clock = clock or SystemClock()
        self._random = Random()  # noqa: S311 - jitter of delays, no secret

    def run(self, stop: threading.Event) -> None:
        """Read devices and send what they say until `stop` is set; then end in order, within about ten seconds.

        Raises:
            AgentError: it can't start (the message names what to mend), or it must be started afresh.
        """
        cards = NodeCards.load(self._config.cards)
        with contextlib.ExitStack() as ending:
            outbox = self._open_outbox()
            ending.callback(_close, outbox)
            parts = self._make_parts(outbox, cards)
            ending.callback(parts.end)
            parts.begin()
            while not stop.wait(STATUS_INTERVAL_S):
                parts.look_after()
                if failure := parts.supervisor.failure:
                    raise AgentError(failure)

    def _make_parts(self, outbox: Outbox, cards: NodeCards) -> "_Parts":
        try:
            return _Parts(self._config, self._clock, outbox, cards, self._random)
        except ScreenError as error:
            raise AgentError(str(error)) from error

    def _open_outbox(self) -> Outbox:
        state_dir = self._config.node.state_dir
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            return Outbox(
                state_dir / "outbox.sqlite3",
                self._clock,
                node_name=self._config.node.edge_node,
                telemetry_group_rows=self._config.outbox.telemetry_group_rows,
                telemetry_group_age_s=self._config.outbox.telemetry_group_age_s,
                keep_acknowledged_days=self._config.outbox.keep_acknowledged_days,
                size_max_mb=self._config.outbox.size_max_mb,
                reserved=True,
            )
        except OSError as error:
            raise AgentError(
                f"node.state_dir {str(state_dir)!r}: {error.strerror}: give a directory that the agent's user may write"
            ) from error
        except OutboxError as error:
            raise AgentError(str(error)) from error


class _Parts:
    """What runs while the agent runs."""

    def __init__(self, config: EdgeConfig, clock: Clock, outbox: Outbox, cards: NodeCards, random: Random) -> None:
        self._config = config
        self._clock = clock
        self._outbox = outbox
        self._random = random
        policy = config.supervisor
        self._cards = cards.keeper(config.node.state_dir, config.node.site, clock, config.cards)
        self._screen = DeskScreenParts(config.desk_screen, clock)
        self.supervisor = Supervisor(
            build_drivers(config.devices, cards.trust(self._cards, self._screen.holders(cards))),
            self._screen.watching(OutboxRecorder(outbox)),
            clock,
            policy=SupervisorPolicy(
                restart_delay_min_s=policy.restart_delay_min_s,
                restart_delay_max_s=policy.restart_delay_max_s,
                abandoned_runs_max=policy.abandoned_runs_max,
            ),
        )
        self._flusher = TelemetryFlusher(outbox)
        self._status_failing = False
        self._make_uplink()

    def _make_uplink(self) -> None:
        node = self._config.node
        self._delivery = Delivery(
            Sender(node.site, node.edge_node),
            self._outbox,
            self._clock,
            software_version=_software_version(),
            devices=tuple(
                DeviceDeclared(device_id=device.device_id, driver=device.driver, description=device.description)
                for device in self._config.devices
            ),
            random=self._random,
            card_status=self._cards.take,
        )
        self._link = MqttLink(self._config.broker, f"medtap-{node.site}-{node.edge_node}")
        self._uplink = Uplink(self._link, self._delivery, self._clock, random=self._random)
        uplink = self._uplink
        self._outbox.listen(lambda _stream: uplink.wake())

    def begin(self) -> None:
        """Start everything; the first status says so."""
        self._flusher.start()
        self._uplink.start()
        self.supervisor.start()
        self._screen.start()
        self._write_status(running=True)

    def look_after(self) -> None:
        """Once a second: write the status, and see that the uplink lives."""
        self._write_status(running=True)
        if self._uplink.alive and self._uplink.silent_s < UPLINK_SILENT_MAX_S:
            return
        how = "ended" if not self._uplink.alive else f"was silent for {self._uplink.silent_s:.0f} s"
        _LOG.critical("the uplink's thread %s; a new one takes over", how)
        if self._uplink.stop(0.0):
            self._link.dispose()
        self._make_uplink()
        self._uplink.start()
        with contextlib.suppress(OutboxError):
            self._tell(f"the thread that sends to the gateway {how} and was replaced")

    def end(self) -> None:
        """Devices first, then the open group, then the gateway; the outbox is closed by its owner."""
        left = self.supervisor.stop(DRIVERS_STOP_S)
        if left:
            _LOG.warning("devices that did not stop in time: %s", ", ".join(left))
        self._flusher.stop()
        self._screen.stop()
        try:
            self._outbox.flush()
        except OutboxError:
            _LOG.exception("the last group of readings could not be committed")
        if self._uplink.stop(DRAIN_S):
            self._link.dispose()
        self._write_status(running=False)

    def _tell(self, reason: str) -> None:
        stamp = self._clock.stamp()
        self._outbox.append_event(
            DeviceStateChanged(
                device_id=self._config.node.edge_node,
                occurred_at=stamp.occurred_at,
                monotonic_ns=stamp.monotonic_ns,
                state="up",
                reason=reason,
            )
        )

    def _write_status(self, *, running: bool) -> None:
        try:
            status = self._status(running=running)
            kept = status.card_status
            self._screen.follow(
                status,
                gateway_answers=self._uplink.connected and self._delivery.gateway_answers,
                card_list_at=None if kept is None else kept.issued_at,
                card_list_is_old=kept is not None and kept.stale,
            )
            write_status(self._config.node.state_dir / "status.json", status)
            self._status_failing = False
        except Exception as error:  # noqa: BLE001 - neither a full disk nor a defect may end an agent that reads and sends
            if not self._status_failing:
                _LOG.error("status.json can't be written: %s", error, exc_info=not isinstance(error, OSError))
            self._status_failing = True

    def _view(self) -> OutboxView | None:
        try:
            return self._outbox.view()
        except OutboxError as error:
            _LOG.warning("the outbox can't be looked at: %s", error)
            return None

    def _status(self, *, running: bool) -> NodeStatus:
        node, counters = self._config.node, self._delivery.counters
        marks = {stream: self._outbox.marks(stream) for stream in Stream}
        return NodeStatus(
            site=node.site,
            edge_node=node.edge_node,
            pid=os.getpid(),
            boot_id=self._clock.boot_id,
            written_at=self._clock.stamp().occurred_at,
            running=running,
            connected=self._uplink.connected,
            link_error=self._uplink.last_error,
            clock_offset_s=self._delivery.clock_offset_s,
            streams={
                stream.value: StreamStatus(
                    epoch=mark.epoch, last_seq=mark.last_seq, acknowledged_seq=mark.acknowledged_seq
                )
                for stream, mark in marks.items()
            },
            readings_committed=marks[Stream.TELEMETRY].row_count,
            events_committed=marks[Stream.EVENTS].row_count,
            frames_sent=counters.frames_sent,
            outbox=self._view(),
            acks_ignored=dict(counters.acks_ignored),
            devices={
                device_id: DeviceEntry(state=status.state, reason=status.reason, driver=status.driver)
                for device_id, status in self.supervisor.states().items()
            },
            card_status=card_status_entry(self._cards, self._clock),
            card_status_ignored=dict(self._cards.ignored),
            rss_mb=rss_mb(),
        )


def _close(outbox: Outbox) -> None:
    try:
        outbox.close()
    except OutboxError:
        _LOG.exception("the outbox could not be closed in order; committed rows are safe")


def _software_version() -> str:
    try:
        return version("medtap")
    except PackageNotFoundError:
        return "unknown"
