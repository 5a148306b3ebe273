"""The commit rule: what a batch of messages does inside one transaction. Nothing here is true before it commits."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from edge.contracts.frame import FrameHeader, Row
from edge.contracts.node_state import Birth, StreamState
from edge.contracts.observations import CodeScanned, Event, GapDeclared, Telemetry, TemperatureMeasured, stream_of
from edge.contracts.topics import Sender
from gateway.db.storable import storable
from gateway.errors import is_environment_fault
from gateway.ingest.dead_letters import DeadLetter
from gateway.ingest.decoder import FrameReceived, HelloReceived, Rejected, StateReceived
from gateway.ingest.device_clock import EARLIEST, SenderClock, all_believed, judge_clock, settle_time
from gateway.ingest.fast_frame import ReadingsFrame, ReadingsHeader
from gateway.ingest.marks import Mark, StreamId, Verdict, cut, judge_span, stream_id
from gateway.ingest.message import ReceivedMessage
from gateway.ingest.readings import ReadingBlock, Readings
from gateway.ingest.rows import EventRow, ReadingRow
from gateway.ingest.store import GapRow, StoreTransaction
from gateway.services.devices import NodeKnown
from gateway.services.live_events import NewLiveEvent, to_everyone
from gateway.services.occurrence import Occurrence

_LOG = logging.getLogger(__name__)
_BIGINT_MAX: Final = 2**63 - 1


@dataclass
class Counts:
    """What was done, in rows and messages."""

    frames: int = 0
    duplicate_frames: int = 0
    gap_frames: int = 0
    readings: int = 0
    events: int = 0
    dead_letters: int = 0

    def add(self, other: "Counts") -> None:
        """Sum up."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class StreamAnswer:
    """The mark to tell an edge node once the transaction is committed."""

    mark: int
    answers_sent_at: datetime | None


@dataclass(frozen=True)
class _Meaning:
    """An event that is stored, and whose meaning is not yet true."""

    received: FrameReceived
    at: Occurrence
    event: Event


@dataclass
class IngestTransaction:
    """One transaction's work: call frames, project, hellos, states, rejected, write, finish, in this order."""

    store: StoreTransaction
    answers: dict[StreamId, StreamAnswer] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    fresh: bool = False
    """True if some frame was sent just now: nothing waits in the broker any more."""
    _marks: dict[StreamId, Mark] = field(default_factory=dict)
    _moved: set[StreamId] = field(default_factory=set)
    _nodes: dict[Sender, NodeKnown] = field(default_factory=dict)
    _offsets_s: dict[Sender, float] = field(default_factory=dict)
    _newest: dict[Sender, tuple[FrameReceived, SenderClock]] = field(default_factory=dict)
    _readings: Readings = field(default_factory=Readings)
    _events: list[EventRow] = field(default_factory=list)
    _meanings: list[_Meaning] = field(default_factory=list)
    _live: list[NewLiveEvent] = field(default_factory=list)
    _last_dead_letter: int | None = None

    def frames(self, received: Iterable[FrameReceived]) -> None:
        """Take frames. Locks are taken in one order everywhere: nodes, then streams, each sorted by name.

        Nothing is locked or written that anyone but these senders' messages may want.
        """
        by_stream: dict[StreamId, list[FrameReceived]] = {}
        for each in received:
            by_stream.setdefault(stream_id(each.frame), []).append(each)
        heard: dict[Sender, datetime] = {}
        for frames in by_stream.values():
            sender, at = frames[0].sender, max([each.message.received_at for each in frames])
            heard[sender] = max(at, heard.get(sender, at))
        self._nodes |= self.store.hear_nodes(heard)
        self._lock(by_stream)
        for stream in sorted(by_stream):
            for each in sorted(by_stream[stream], key=_first_seq):
                self._frame(each)

    def project(self) -> None:
        """Make true what the frames' events mean."""
        for each in self._meanings:
            try:
                shown = self.store.project(each.at, each.event)
            except Exception as error:
                if is_environment_fault(error):
                    raise
                sender, kind = each.received.sender, each.event.kind
                _LOG.exception("%s row %d of %s: its meaning could not be stored", kind, each.at.seq, sender)
                reason = f"{type(error).__name__}: {error!s:.300}"
                self._dead_row(each.received, each.at.seq, "projection_failed", reason, each.event.model_dump_json())
            else:
                self._live += shown

    def hellos(self, received: Iterable[HelloReceived]) -> None:
        """Answer with the marks. What an edge node no longer keeps and we never had is lost: say so and go on."""
        asked = [
            (StreamId(each.sender.site, each.sender.edge_node, state.stream, state.epoch), state, each)
            for each in received
            for state in each.hello.streams
        ]
        self._lock(stream for stream, _, _ in asked)
        for stream, state, each in asked:
            mark = self._marks[stream]
            lost_until = state.oldest_kept_seq - 1 if state.oldest_kept_seq else state.last_seq
            if lost_until > mark.mark:
                self._declare_lost(stream, state, lost_until, each.message)
            self.answers[stream] = StreamAnswer(self._marks[stream].mark, each.hello.sent_at)

    def states(self, received: Iterable[StateReceived]) -> None:
        """Births and deaths, in the order of arrival."""
        for each in received:
            if isinstance(each.state, Birth):
                self._live += self.store.apply_birth(each.state, each.message.received_at)
            else:
                self._live += self.store.apply_death(each.state, each.message.received_at)

    def rejected(self, received: Iterable[Rejected]) -> None:
        """Messages that say nothing we can use."""
        for each in received:
            _LOG.warning("message on %r is kept as dead letter (%s): %s", each.message.topic, each.code, each.reason)
            self._dead_letter(
                DeadLetter(
                    topic=each.message.topic,
                    code=each.code,
                    reason=each.reason,
                    payload=each.message.payload,
                    received_at=each.message.received_at,
                    site=each.sender.site if each.sender else None,
                    edge_node=each.sender.edge_node if each.sender else None,
                    stream=each.stream.value if each.stream else None,
                    payload_bytes=each.message.payload_bytes,
                )
            )

    def bury(self, received: FrameReceived, error: Exception) -> None:
        """A frame that could not be stored for reasons of its own: keep it whole, and let the stream go on."""
        stream = stream_id(received.frame)
        self._lock([stream])
        mark = self._marks[stream]
        if judge_span(received.frame.header.first_seq, received.frame.last_seq, mark.mark) is Verdict.ACCEPT:
            reason = f"frame could not be stored: {type(error).__name__}: {error!s:.300}"
            self._dead_letter(
                replace(_letter(received, "ingest_failed", reason, received.message.payload), seq=mark.mark + 1)
            )
            self._move(stream, received.frame.last_seq)
        self._answer(stream, received.frame.header)

    def write(self) -> None:
        """Write the series and judge the readings."""
        if self._readings:
            self._live += self.store.write_readings(self._readings)
            self._live.append(_latest_readings(self._readings))
        if self._events:
            self.store.write_events(self._events)

    def finish(self) -> None:
        """Move the marks and tell the pages: last, for the lock it takes."""
        self.store.note_clock_offsets(self._offsets_s)
        self.store.note_lags({sender: self._lag_s(*newest) for sender, newest in self._newest.items()})
        self.store.move_marks(self._marks[stream] for stream in sorted(self._moved))
        if self._last_dead_letter is not None:
            self._live += to_everyone("dead_letter", {"dead_letter_id": self._last_dead_letter})
        self.store.publish(self._live)

    @property
    def alarm_raised(self) -> bool:
        """True if an alarm was raised, so that pages wait to be delivered."""
        return any(event.kind == "alarm" and event.payload["change"] == "raised" for event in self._live)

    def _frame(self, received: FrameReceived) -> None:
        header = received.frame.header
        stream = stream_id(received.frame)
        clock = self._clock(received)
        mark, frame = self._marks[stream], received.frame
        verdict = judge_span(header.first_seq, frame.last_seq, mark.mark)
        self.counts.frames += 1
        if verdict is Verdict.DUPLICATE:
            self.counts.duplicate_frames += 1
        elif verdict is Verdict.GAP:
            self.counts.gap_frames += 1
            _LOG.info("%s: frame begins at %d after mark %d, not stored", stream, header.first_seq, mark.mark)
        else:
            if isinstance(frame, ReadingsFrame):
                self._readings_after(mark, received, frame, clock)
            else:
                for row in cut(frame, mark.mark):
                    self._row(received, clock, mark.epoch_key, row)
            self._newest[received.sender] = received, clock
            self._move(stream, frame.last_seq)
        self._answer(stream, header)

    def _lag_s(self, received: FrameReceived, clock: SenderClock) -> float:
        """How long ago, by the node's own clock set right, the newest row of its newest frame happened; seconds."""
        frame = received.frame
        if isinstance(frame, ReadingsFrame):
            newest = frame.newest_occurred_at
        else:
            newest = max((row.observation.occurred_at for row in frame.rows if row.observation), default=EARLIEST)
        settled, _ = settle_time(clock, newest, received.message.received_at)
        return max(0.0, (received.message.received_at - settled).total_seconds())

    def _clock(self, received: FrameReceived) -> SenderClock:
        message, known = received.message, self._nodes[received.sender]
        sent_at = received.frame.header.sent_at
        known_offset_s = self._offsets_s.get(received.sender, known.clock_offset_s)
        clock = judge_clock(
            sent_at,
            message.received_at,
            may_have_waited=message.may_have_waited,
            known_offset_s=known_offset_s,
        )
        if clock.measured:
            self._offsets_s[received.sender] = clock.offset_s
            if not clock.suspect:
                self.fresh = True
            if not clock.suspect and known.state != "up":
                shown = self.store.revive_node(received.sender, known, sent_at, message.received_at)
                self._live += shown
                if shown:
                    self._nodes[received.sender] = replace(known, state="up")
        return clock

    def _readings_after(self, mark: Mark, received: FrameReceived, frame: ReadingsFrame, clock: SenderClock) -> None:
        """The way of nearly every row: what is the same for all rows of a frame is found once."""
        sender, received_at = received.sender, received.message.received_at
        names = sorted(frame.device_ids) if len(frame.device_ids) > 1 else frame.device_ids
        keys = {name: self.store.device_key(sender, name) for name in names}
        boot_key, epoch_key = self.store.boot_key(sender, frame.header.boot_id), mark.epoch_key
        first_seq = max(frame.header.first_seq, mark.mark + 1)
        readings = frame.readings[first_seq - frame.header.first_seq :]
        if all_believed(clock, frame.oldest_occurred_at, frame.newest_occurred_at, received_at):
            oldest, newest = frame.oldest_occurred_at, frame.newest_occurred_at
            self._readings.blocks.append(
                ReadingBlock(received_at, epoch_key, boot_key, first_seq, keys, readings, oldest, newest)
            )
        else:
            for seq, row in enumerate(readings, first_seq):
                at, claimed = settle_time(clock, row.occurred_at, received_at)
                self._readings.rows.append(
                    ReadingRow(
                        *(at, keys[row.device_id], row.temperature_celsius, received_at, claimed, epoch_key, seq),
                        *(boot_key, row.monotonic_ns),
                    )
                )
        self.counts.readings += len(readings)

    def _row(self, received: FrameReceived, clock: SenderClock, epoch_key: int, row: Row) -> None:
        observation = row.observation
        if observation is None:
            self._dead_row(received, row.seq, "row_malformed", row.error, row.text)
        elif observation.monotonic_ns > _BIGINT_MAX:
            reason = f"monotonic_ns: got {observation.monotonic_ns}: expected at most {_BIGINT_MAX}"
            self._dead_row(received, row.seq, "row_malformed", reason, row.text or observation.model_dump_json())
        elif isinstance(observation, GapDeclared):
            self._declared_gap(received, clock, epoch_key, row, observation)
        elif stream_of(observation) != received.frame.header.stream:
            reason = f"{observation.kind} in stream {received.frame.header.stream.value!r}"
            self._dead_row(received, row.seq, "wrong_stream", reason, observation.model_dump_json())
        elif isinstance(observation, TemperatureMeasured):
            self._reading(received, clock, epoch_key, row.seq, observation)
        else:
            self._event(received, clock, epoch_key, row.seq, observation)

    def _reading(
        self, received: FrameReceived, clock: SenderClock, epoch_key: int, seq: int, reading: Telemetry
    ) -> None:
        occurred_at, device_time = settle_time(clock, reading.occurred_at, received.message.received_at)
        self._readings.rows.append(
            ReadingRow(
                occurred_at,
                self.store.device_key(received.sender, reading.device_id),
                reading.temperature_celsius,
                received.message.received_at,
                device_time,
                epoch_key,
                seq,
                self.store.boot_key(received.sender, received.frame.header.boot_id),
                reading.monotonic_ns,
            )
        )
        self.counts.readings += 1

    def _event(self, received: FrameReceived, clock: SenderClock, epoch_key: int, seq: int, event: Event) -> None:
        header, received_at = received.frame.header, received.message.received_at
        occurred_at, device_time = settle_time(clock, event.occurred_at, received_at)
        device_key = self.store.device_key(received.sender, event.device_id)
        boot_key = self.store.boot_key(received.sender, header.boot_id)
        at = Occurrence(
            site=header.site,
            edge_node=header.edge_node,
            device_id=event.device_id,
            device_key=device_key,
            epoch=header.epoch,
            epoch_key=epoch_key,
            seq=seq,
            occurred_at=occurred_at,
            received_at=received_at,
        )
        self._events.append(
            EventRow(
                occurred_at=occurred_at,
                device_key=device_key,
                kind=event.kind,
                body=_body(event),
                received_at=received_at,
                device_time=device_time,
                epoch_key=epoch_key,
                seq=seq,
                boot_key=boot_key,
                monotonic_ns=event.monotonic_ns,
            )
        )
        self._meanings.append(_Meaning(received, at, event))
        self.counts.events += 1

    def _declared_gap(
        self, received: FrameReceived, clock: SenderClock, epoch_key: int, row: Row, gap: GapDeclared
    ) -> None:
        received_at = received.message.received_at
        oldest, _ = settle_time(clock, gap.oldest_occurred_at, received_at)
        newest, _ = settle_time(clock, gap.newest_occurred_at, received_at)
        reason = storable(gap.reason)
        self.store.write_gap(GapRow(epoch_key, row.seq, row.last_seq, reason, oldest, newest, received_at))
        _LOG.warning("%s declares rows %d to %d lost: %s", received.sender, row.seq, row.last_seq, reason)

    def _declare_lost(self, stream: StreamId, state: StreamState, until: int, message: ReceivedMessage) -> None:
        """Rows that can't come any more: our database is older than the edge node's memory."""
        mark = self._marks[stream]
        reason = f"the edge node no longer keeps them (oldest kept {state.oldest_kept_seq}, last {state.last_seq})"
        at = message.received_at
        self.store.write_gap(GapRow(mark.epoch_key, mark.mark + 1, until, reason, at, at, at))
        _LOG.error("%s: rows %d to %d are lost: %s", stream, mark.mark + 1, until, reason)
        self._move(stream, until)

    def _lock(self, streams: Iterable[StreamId]) -> None:
        new = set(streams).difference(self._marks)
        if not new:
            return
        self._marks |= self.store.lock_marks(sorted(new))
        for stream in new:
            if self._marks[stream].is_new:
                _LOG.warning("%s/%s begins epoch %s", stream.site, stream.edge_node, stream.epoch)

    def _move(self, stream: StreamId, mark: int) -> None:
        before = self._marks[stream]
        self._marks[stream] = Mark(before.epoch_key, mark, before.is_new)
        self._moved.add(stream)

    def _answer(self, stream: StreamId, header: FrameHeader | ReadingsHeader) -> None:
        self.answers[stream] = StreamAnswer(self._marks[stream].mark, header.sent_at)

    def _dead_row(self, received: FrameReceived, seq: int, code: str, reason: str, text: str) -> None:
        _LOG.warning("row %d of %s is kept as dead letter (%s): %s", seq, received.sender, code, reason)
        letter = _letter(received, code, reason, text.encode("utf-8", "backslashreplace"))
        self._dead_letter(replace(letter, seq=seq))

    def _dead_letter(self, letter: DeadLetter) -> None:
        self._last_dead_letter = self.store.write_dead_letter(letter)
        self.counts.dead_letters += 1


def _first_seq(received: FrameReceived) -> int:
    return received.frame.header.first_seq


def _letter(received: FrameReceived, code: str, reason: str, payload: bytes) -> DeadLetter:
    header = received.frame.header
    return DeadLetter(
        topic=received.message.topic,
        code=code,
        reason=reason,
        payload=payload,
        received_at=received.message.received_at,
        site=header.site,
        edge_node=header.edge_node,
        stream=header.stream.value,
        epoch=header.epoch,
    )


def _body(event: Event) -> dict[str, Any]:
    """The event as JSON, without what stands in columns.

    A scanned text may be a citizen's card: it stands in the plain table `scan` alone, never in a time series.
    """
    left_out = {"kind", "device_id", "occurred_at", "monotonic_ns"}
    if isinstance(event, CodeScanned):
        left_out.add("text")
    body: dict[str, Any] = storable(json.loads(event.model_dump_json(exclude=left_out)))
    return body


def _latest_readings(readings: Readings) -> NewLiveEvent:
    shown = {
        str(key): {"temperature_celsius": reading.temperature_celsius, "occurred_at": reading.occurred_at.isoformat()}
        for key, reading in readings.latest().items()
    }
    return NewLiveEvent("on_call", "readings", {"device_keys": shown})
