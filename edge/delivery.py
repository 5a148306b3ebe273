"""The edge side of the delivery protocol: what to send now, and what an answer means. No I/O but the outbox.

Bytes in (`received`), bytes out (`outgoing`), time from the injected clock: a network thread drives it in production
and a virtual clock in a simulation. Used from one thread at a time.
"""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final, Protocol

import pydantic

from edge.clock import Clock, Stamp
from edge.clock_comparison import ClockComparison
from edge.contracts import topics
from edge.contracts.ack import Ack
from edge.contracts.frame import FrameHeader, encode_frame
from edge.contracts.node_state import NODE_STATE, Birth, Death, DeviceDeclared, Hello, StreamState
from edge.contracts.sealed import WireError
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender
from edge.outbox_marks import StreamMarks
from edge.outbox_rows import StoredRows
from edge.send_window import InFlight, SendWindow, WindowLimits

SENT_KEPT: Final = 256
"""Messages remembered to recognise their answers: sixteen times what can be in flight."""

_LOG = logging.getLogger(__name__)


class RowStore(Protocol):
    """What delivery needs of an outbox (documented there)."""

    def marks(self, stream: Stream) -> StreamMarks: ...  # noqa: D102
    def stream_state(self, stream: Stream) -> StreamState: ...  # noqa: D102
    def read_frame(self, stream: Stream, after_seq: int) -> StoredRows | None: ...  # noqa: D102
    def offer(self, stream: Stream) -> None: ...  # noqa: D102
    def withhold(self) -> None: ...  # noqa: D102
    def acknowledge(self, stream: Stream, epoch: str, mark: int, server_generation: str = "") -> None: ...  # noqa: D102
    def begin_epoch(self, stream: Stream, reason: str) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class Outgoing:
    """One message to publish with QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True)
class _Sent:
    number: int
    monotonic_ns: int
    first_seq: int = 0
    """First row, if it was a frame."""


@dataclass
class _Lane:
    """One stream on its way."""

    window: SendWindow
    epoch: str
    fresh_from: int = 0
    """An answer to a message of at least this number was given after the last doubt or change of database."""


@dataclass
class DeliveryCounters:
    """What happened since the agent started."""

    frames_sent: int = 0
    acks_used: int = 0
    acks_ignored: Counter[str] = field(default_factory=Counter)
    """By reason: checksum, not_json, malformed, other_epoch, stale_generation, beyond, stale."""


class Delivery:
    """Both streams of one edge node, over one connection at a time."""

    def __init__(
        self,
        sender: Sender,
        store: RowStore,
        clock: Clock,
        *,
        software_version: str,
        devices: tuple[DeviceDeclared, ...] = (),
        limits: WindowLimits | None = None,
        random: Random,
        card_status: Callable[[bytes], None] | None = None,
    ) -> None:
        """Not connected at first. `card_status` takes what comes on the topics of the card status list."""
        self._sender = sender
        self._store = store
        self._clock = clock
        self._software_version = software_version
        self._devices = devices
        self._card_status = card_status
        self._connected = False
        self._answered = False
        self._birth_due = False
        self._number = 0
        self._sent: OrderedDict[datetime, _Sent] = OrderedDict()
        self._lanes = {
            stream: _Lane(SendWindow(limits or WindowLimits(), random), store.marks(stream).epoch) for stream in Stream
        }
        self._clock_comparison = ClockComparison()
        self.counters = DeliveryCounters()

    # --- the connection ------------------------------------------------------------------------------------------

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topics to subscribe to (QoS 1) before anything is sent."""
        own = (topics.ack(self._sender), topics.state(self._sender))
        return own if self._card_status is None else (*own, topics.card_status_filter(self._sender))

    @property
    def will(self) -> Outgoing:
        """What the broker shall publish when the connection ends without goodbye."""
        return self._death(planned=False)

    @property
    def goodbye(self) -> Outgoing:
        """The last message before an orderly end."""
        return self._death(planned=True)

    def connected(self) -> None:
        """A connection is there and the subscriptions are made."""
        now_ns = self._clock.stamp().monotonic_ns
        self._connected = True
        self._birth_due = True
        self._sent.clear()
        for lane in self._lanes.values():
            lane.window.connected(now_ns)
            lane.fresh_from = self._number + 1

    def disconnected(self) -> None:
        """The connection is gone."""
        self._connected = self._answered = False
        self._sent.clear()
        for lane in self._lanes.values():
            lane.window.disconnected()
        self._store.withhold()

    @property
    def clock_offset_s(self) -> float | None:
        """Seconds that this machine's clock is ahead of the gateway's; None before the first answer."""
        return self._clock_comparison.offset_s

    @property
    def gateway_answers(self) -> bool:
        """True while the gateway answers on the present connection: more than that there is a broker."""
        return self._answered and self._lanes[Stream.EVENTS].window.is_answered

    @property
    def drained(self) -> bool:
        """True when the gateway has acknowledged every committed row."""
        return all(marks.acknowledged_seq >= marks.last_seq for marks in map(self._store.marks, Stream))

    @property
    def wake_at_ns(self) -> int | None:
        """Monotonic time at which `outgoing` may have something to send without any input; None if never."""
        dues = [lane.window.due_ns for lane in self._lanes.values() if lane.window.due_ns is not None]
        return min(dues, default=None)

    # --- sending -------------------------------------------------------------------------------------------------

    def outgoing(self) -> Iterator[Outgoing]:
        """Everything that should be sent now, in this order: birth, hello, events, telemetry.

        A message counts as sent when the next one is asked for; on a failure just drop the iterator and say
        `disconnected`.

        Raises:
            OutboxError: the outbox can't be read; try again later.
        """
        if not self._connected:
            return
        self._follow_epochs()
        if self._birth_due:
            yield self._birth()
            self._birth_due = False
        now_ns = self._clock.stamp().monotonic_ns
        if any([self._ask_due(lane, now_ns) for lane in self._lanes.values()]):  # noqa: C419 - each must see the time
            yield self._hello()
        for stream in (Stream.EVENTS, Stream.TELEMETRY):
            while (frame := self._next_frame(stream)) is not None:
                yield frame
            if self._lanes[stream].window.holds_back(self._store.marks(stream).offered_seq):
                # Events first: readings wait while events are moving, but not while they are stuck.
                return

    def _follow_epochs(self) -> None:
        """The outbox may have begun a new epoch by itself (its file was damaged)."""
        for stream, lane in self._lanes.items():
            epoch = self._store.marks(stream).epoch
            if epoch != lane.epoch:
                lane.epoch = epoch
                self._doubt(lane)

    def _doubt(self, lane: _Lane) -> None:
        lane.window.doubt(self._clock.stamp().monotonic_ns)
        lane.fresh_from = self._number + 1

    def _ask_due(self, lane: _Lane, now_ns: int) -> bool:
        was_open = lane.window.is_open
        due = lane.window.ask_due(now_ns)
        if due and was_open:
            lane.fresh_from = self._number + 1
        return due

    def _next_frame(self, stream: Stream) -> Outgoing | None:
        lane, marks = self._lanes[stream], self._store.marks(stream)
        after = lane.window.next_after(marks.offered_seq)
        if after is None or marks.epoch != lane.epoch:
            return None
        rows = self._store.read_frame(stream, after)
        if rows is None or rows.epoch != lane.epoch:
            return None
        stamp, sent_at = self._note(rows.first_seq)
        header = FrameHeader(
            site=self._sender.site,
            edge_node=self._sender.edge_node,
            stream=stream,
            epoch=rows.epoch,
            boot_id=rows.boot_id,
            first_seq=rows.first_seq,
            sent_at=sent_at,
        )
        lane.window.sent(InFlight(self._number, rows.first_seq, rows.last_seq), stamp.monotonic_ns)
        self.counters.frames_sent += 1
        return Outgoing(topics.up(self._sender, stream), encode_frame(header, rows.bodies))

    def _note(self, first_seq: int = 0) -> tuple[Stamp, datetime]:
        """Number a message and give it a `sent_at` of its own, by which its answer is recognised."""
        stamp = self._clock.stamp()
        sent_at = stamp.occurred_at
        while sent_at in self._sent:
            sent_at += timedelta(microseconds=1)
        self._number += 1
        self._sent[sent_at] = _Sent(self._number, stamp.monotonic_ns, first_seq)
        if len(self._sent) > SENT_KEPT:
            self._sent.popitem(last=False)
        return stamp, sent_at

    def _hello(self) -> Outgoing:
        streams = tuple(self._store.stream_state(stream) for stream in Stream)
        stamp, sent_at = self._note()
        for lane in self._lanes.values():
            lane.window.asked(stamp.monotonic_ns)
        message = Hello(
            site=self._sender.site,
            edge_node=self._sender.edge_node,
            boot_id=self._clock.boot_id,
            sent_at=sent_at,
            streams=streams,
        )
        return Outgoing(topics.hello(self._sender), message.to_wire())

    def _birth(self) -> Outgoing:
        message = Birth(
            site=self._sender.site,
            edge_node=self._sender.edge_node,
            boot_id=self._clock.boot_id,
            software_version=self._software_version,
            sent_at=self._clock.stamp().occurred_at,
            streams=tuple(self._store.stream_state(stream) for stream in Stream),
            devices=self._devices,
        )
        return Outgoing(topics.state(self._sender), message.model_dump_json().encode(), retain=True)

    def _death(self, *, planned: bool) -> Outgoing:
        message = Death(
            site=self._sender.site, edge_node=self._sender.edge_node, boot_id=self._clock.boot_id, planned=planned
        )
        return Outgoing(topics.state(self._sender), message.model_dump_json().encode(), retain=True)

    # --- receiving -----------------------------------------------------------------------------------------------

    def received(self, topic: str, payload: bytes) -> None:
        """Take a message that came from the broker; what is not ours or not understood is counted and ignored.

        Raises:
            OutboxError: the outbox can't be written; the gateway will be asked again.
        """
        if self._card_status is not None and topics.is_card_status(topic, self._sender):
            self._card_status(payload)
            return
        handlers: dict[str, Callable[[bytes], None]] = {
            topics.ack(self._sender): self._take_ack,
            topics.state(self._sender): self._take_state,
        }
        handler = handlers.get(topic)
        if handler is None:
            self.counters.acks_ignored["malformed"] += 1
            return
        try:
            handler(payload)
        except WireError as error:
            _LOG.warning("message on %s is not believed: %s", topic, error)
            self.counters.acks_ignored[error.code] += 1
        except pydantic.ValidationError as error:
            _LOG.warning("message on %s is not understood: %s", topic, error.errors()[:1])
            self.counters.acks_ignored["malformed"] += 1

    def _take_state(self, payload: bytes) -> None:
        """A death while we live is an old will that the broker published late: contradict it."""
        if self._connected and payload and isinstance(NODE_STATE.validate_json(payload), Death):
            self._birth_due = True

    def _take_ack(self, payload: bytes) -> None:
        ack = Ack.from_wire(payload)
        ignored = self._judge(ack)
        if ignored:
            self.counters.acks_ignored[ignored] += 1
        else:
            self._answered = True
            self.counters.acks_used += 1

    def _judge(self, ack: Ack) -> str:
        """Use the acknowledgement; or return why it is ignored."""
        if not self._connected:
            return "stale"
        self._follow_epochs()
        lane, marks = self._lanes[ack.stream], self._store.marks(ack.stream)
        if ack.epoch != marks.epoch:
            return "other_epoch"
        now = self._clock.stamp()
        answered = None if ack.answers_sent_at is None else self._sent.get(ack.answers_sent_at)
        if answered is not None and ack.answers_sent_at is not None:
            round_trip_s = (now.monotonic_ns - answered.monotonic_ns) / 1e9
            self._clock_comparison.measured(ack.answers_sent_at, ack.sent_at, round_trip_s)
        fresh = answered is not None and answered.number >= lane.fresh_from
        is_beyond, is_other = ack.mark > marks.offered_seq, ack.server_generation != marks.server_generation
        if (is_beyond or is_other) and not fresh:
            # The old database's last word may come after the new one's first: believed, it would lose rows. And rows
            # that were never sent can't be acknowledged: only an answer to us shows an older copy. So ask.
            if lane.window.is_open:
                self._doubt(lane)
            return "beyond" if is_beyond else "stale_generation"
        if is_beyond:
            self._begin_epoch(ack, marks)
            return ""
        if is_other or (lane.window.asking and fresh):
            self._open(ack, lane, marks)
            return ""
        return self._use(ack, lane, marks, answered, now)

    def _begin_epoch(self, ack: Ack, marks: StreamMarks) -> None:
        self._store.begin_epoch(
            ack.stream,
            f"the gateway has rows up to {ack.mark} of epoch {marks.epoch}, this file sent none above"
            f" {marks.offered_seq}: it is an older copy of the outbox",
        )
        self._follow_epochs()

    def _open(self, ack: Ack, lane: _Lane, marks: StreamMarks) -> None:
        """Go on from this mark, be it higher or lower than the one known: sending again is always safe."""
        if marks.server_generation and marks.server_generation != ack.server_generation:
            _LOG.warning("%s: another database answers: %s; mark was %d", ack.stream, ack, marks.acknowledged_seq)
        self._store.acknowledge(ack.stream, ack.epoch, ack.mark, ack.server_generation)
        self._store.offer(ack.stream)
        lane.window.open_at(ack.mark, self._clock.stamp().monotonic_ns)
        lane.fresh_from = self._number + 1

    def _use(self, ack: Ack, lane: _Lane, marks: StreamMarks, answered: _Sent | None, now: Stamp) -> str:
        if ack.mark > marks.acknowledged_seq:
            self._store.acknowledge(ack.stream, ack.epoch, ack.mark)
            lane.window.acknowledged(ack.mark, now.monotonic_ns)
            return ""
        if answered is None or not lane.window.is_open or answered.first_seq <= ack.mark + 1:
            return "stale"
        if ack.mark == lane.window.mark:
            lane.window.refused(answered.number, now.monotonic_ns)
        elif answered.number >= lane.fresh_from:
            # The mark went back without a new generation: someone restored a database by hand. Ask.
            self._doubt(lane)
        return ""
