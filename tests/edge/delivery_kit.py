"""What delivery tests share: a clock that is set, observations by number, a gateway model, a bad pipe."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from edge.clock import Stamp
from edge.contracts import topics
from edge.contracts.ack import Ack
from edge.contracts.frame import decode_frame
from edge.contracts.node_state import Hello
from edge.contracts.observations import CodeScanned, DeviceFaulted, DeviceStateChanged, GapDeclared, TemperatureMeasured
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender
from edge.delivery import Outgoing

SENDER = Sender("nhi-dong-1", "pharmacy-1")
START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class SetClock:
    """Stands still until it is moved."""

    def __init__(self, boot_id: str = "00000000000000b1") -> None:
        self.boot_id = boot_id
        self.now_ns = 1_000_000_000
        self.wall_offset = timedelta()

    def stamp(self) -> Stamp:
        return Stamp(START + timedelta(microseconds=self.now_ns // 1000) + self.wall_offset, self.now_ns)

    def move(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


def scan(number: int, clock: SetClock) -> CodeScanned:
    """A scan whose text is its number."""
    stamp = clock.stamp()
    return CodeScanned(
        device_id="scanner-1", occurred_at=stamp.occurred_at, monotonic_ns=stamp.monotonic_ns, text=str(number)
    )


def reading(number: int, clock: SetClock) -> TemperatureMeasured:
    """A reading whose temperature is its number, in hundredths of a degree."""
    stamp = clock.stamp()
    return TemperatureMeasured(
        device_id="fridge-1-probe",
        occurred_at=stamp.occurred_at,
        monotonic_ns=stamp.monotonic_ns,
        temperature_celsius=number / 100,
    )


def meaning(row: object) -> str:
    """One word for a row, to compare what was kept with what arrived."""
    match row:
        case CodeScanned(text=text):
            return f"scan {text}"
        case TemperatureMeasured(temperature_celsius=celsius):
            return f"reading {round(celsius * 100)}"
        case GapDeclared(row_count=count):
            return f"gap {count}"
        case DeviceFaulted(code=code):
            return f"fault {code}"
        case DeviceStateChanged(device_id=device_id, state=state):
            return f"{device_id} {state}"
    raise AssertionError(row)


Place = tuple[Stream, str]


@dataclass
class Books:
    """What a gateway's database holds: the rows of each (stream, epoch), by number."""

    generation: str
    rows: dict[Place, list[tuple[int, str]]] = field(default_factory=dict)

    def mark(self, place: Place) -> int:
        rows = self.rows.get(place, [])
        return rows[-1][0] if rows else 0

    def copy(self, generation: str) -> "Books":
        return Books(generation, {place: list(rows) for place, rows in self.rows.items()})


class ModelGateway:
    """The gateway's side of the protocol in twenty lines: only the next contiguous rows, then a cumulative ack."""

    contiguous = True
    """False: a deliberate bug, to see that a test finds it."""

    def __init__(self) -> None:
        self.books = Books(f"{1:032x}")
        self._generations = 1
        self.refused_frames = 0

    def take(self, message: Outgoing, now: datetime) -> list[Outgoing]:
        """Handle one message; return the acknowledgements."""
        _, kind = topics.parse(message.topic)
        if kind == "hello":
            hello = Hello.from_wire(message.payload)
            return [self._ack(state.stream, state.epoch, now, hello.sent_at) for state in hello.streams]
        if not kind.startswith("up/"):
            return []
        frame = decode_frame(message.payload)
        place = (frame.header.stream, frame.header.epoch)
        kept = self.books.rows.setdefault(place, [])
        for row in frame.rows:
            assert row.observation is not None
            mark = self.books.mark(place)
            if row.seq == mark + 1 or (row.seq > mark and not self.contiguous):
                kept.append((row.last_seq, meaning(row.observation)))
            elif row.seq > mark:
                self.refused_frames += 1
                break
        return [self._ack(frame.header.stream, frame.header.epoch, now, frame.header.sent_at)]

    def restore(self, backup: Books) -> None:
        """Another database, from an older backup: its generation is a new one."""
        self._generations += 1
        self.books = backup.copy(f"{self._generations:032x}")

    def arrived(self, stream: Stream) -> list[str]:
        """All rows of a stream in the order of arrival of their epochs."""
        return [word for (which, _), rows in self.books.rows.items() if which is stream for _, word in rows]

    def _ack(self, stream: Stream, epoch: str, now: datetime, answers: datetime) -> Outgoing:
        ack = Ack(
            stream=stream,
            epoch=epoch,
            mark=self.books.mark((stream, epoch)),
            server_generation=self.books.generation,
            sent_at=now,
            answers_sent_at=answers,
        )
        return Outgoing(topics.ack(SENDER), ack.to_wire())


class BadPipe:
    """Loses, doubles and reorders; deterministic from its random source."""

    def __init__(self, random: Random, *, loss: float = 0.0, doubling: float = 0.0, reordering: float = 0.0) -> None:
        self._random = random
        self.loss, self.doubling, self.reordering = loss, doubling, reordering
        self._queue: deque[Outgoing] = deque()

    def put(self, message: Outgoing) -> None:
        if self._random.random() < self.loss:
            return
        for _ in range(1 + (self._random.random() < self.doubling)):
            if self._queue and self._random.random() < self.reordering:
                self._queue.insert(self._random.randrange(len(self._queue)), message)
            else:
                self._queue.append(message)

    def take(self) -> Outgoing | None:
        return self._queue.popleft() if self._queue else None

    def empty(self) -> None:
        self._queue.clear()
