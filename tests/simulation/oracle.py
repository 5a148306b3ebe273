"""What must be true: kept beside the simulation by watching commits, never by asking the code that is tested."""

from collections.abc import Iterable
from dataclasses import dataclass, field


class BrokenPromiseError(AssertionError):
    """Something that the protocol promises did not hold."""


@dataclass(frozen=True)
class Committed:
    """One row that an edge node committed. Its monotonic time is its identity: no two of a node are equal."""

    stream: str
    order: int
    body: bytes


@dataclass(frozen=True)
class Stored:
    """One row in the gateway's database."""

    seq: int
    identity: int
    said: tuple[bytes, ...]
    """Pieces of text that must stand in the row as the edge node committed it: kind, device, value."""


@dataclass
class Series:
    """All that the gateway's database holds of one (stream, epoch)."""

    mark: int
    rows: list[Stored] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    dead_rows: list[int] = field(default_factory=list)


class EdgeBooks:
    """What one edge node committed, by watching its disk; and what it may lose without a word."""

    def __init__(self, name: str, *, keep_acknowledged_s: float) -> None:
        self.name = name
        self.now_s = 0.0
        """Virtual time of the reckoning."""
        self._keep_acknowledged_s = keep_acknowledged_s
        self.rows: dict[int, Committed] = {}
        self.place: dict[int, tuple[str, str, int]] = {}
        self._stored_at_s: dict[int, float] = {}
        self._gone: set[int] = set()
        self._damaged: set[tuple[str, str, int]] = set()
        self.dropped: set[tuple[str, str, int]] = set()

    # --- what happens --------------------------------------------------------------------------------------------

    def committed(self, stream: str, epoch: str, seq: int, identity: int, body: bytes) -> None:
        """A row is durable (again, under a new number, if a new epoch was begun with it)."""
        if identity not in self.rows:
            self.rows[identity] = Committed(stream, len(self.rows), body)
        self.place[identity] = (stream, epoch, seq)

    def stored(self, identity: int, now_s: float) -> None:
        """The database has it (a restored one may not have it any more)."""
        self._stored_at_s.setdefault(identity, now_s)

    def damaged(self, stream: str, epoch: str, seq: int) -> None:
        """The disk spoilt a row: it may have to be declared lost."""
        self._damaged.add((stream, epoch, seq))

    def is_damaged(self, stream: str, epoch: str, seq: int) -> bool:
        """True if the disk spoilt this row."""
        return (stream, epoch, seq) in self._damaged

    def renumbered(self, stream: str, old_epoch: str, offered_seq: int, new_epoch: str) -> None:
        """The same file goes on under a new epoch, in which the rows that were never offered begin at 1."""

        def move(place: tuple[str, str, int]) -> tuple[str, str, int]:
            if place[:2] == (stream, old_epoch) and place[2] > offered_seq:
                return stream, new_epoch, place[2] - offered_seq
            return place

        self.place = {identity: move(place) for identity, place in self.place.items()}
        self._damaged |= {move(place) for place in self._damaged}
        self.dropped |= {move(place) for place in self.dropped}

    def file_replaced(self, kept: set[int]) -> None:
        """Another file took the place; rows that are not in it went away with the old one, by a person's hand."""
        self._gone |= set(self.rows) - kept

    # --- what must be true ---------------------------------------------------------------------------------------

    def check(self, database: dict[tuple[str, str], Series]) -> None:
        """Every row once, in order, or declared with a reason that the simulation itself made.

        Raises:
            BrokenPromiseError: not so.
        """
        found: dict[int, tuple[str, str]] = {}
        for (stream, epoch), series in sorted(database.items()):
            where = f"{self.name}/{stream}/{epoch}"
            self._check_numbers(where, series)
            self._check_order(where, series.rows)
            for row in series.rows:
                self._check_content(where, row)
                if row.identity in found:
                    raise BrokenPromiseError(f"{where}: row {row.identity} twice, first in {found[row.identity]}")
                found[row.identity] = (stream, epoch)
        for identity in self.rows:
            if identity not in found and identity not in self._gone:
                self._check_declared(identity, database)

    def _check_numbers(self, where: str, series: Series) -> None:
        if series.dead_rows:
            raise BrokenPromiseError(f"{where}: rows {series.dead_rows} were not understood")
        spans = sorted([(row.seq, row.seq) for row in series.rows] + series.gaps)
        expected = 1
        for first, last in spans:
            if first != expected:
                raise BrokenPromiseError(f"{where}: number {expected} expected, {first} found: hole or double")
            expected = last + 1
        if series.mark != expected - 1:
            raise BrokenPromiseError(f"{where}: mark {series.mark}, but rows up to {expected - 1}")

    def _check_order(self, where: str, rows: Iterable[Stored]) -> None:
        last = -1
        for row in sorted(rows, key=lambda row: row.seq):
            if row.identity not in self.rows:
                raise BrokenPromiseError(f"{where}: row {row.seq} was never committed by the edge node: {row.said}")
            order = self.rows[row.identity].order
            if order <= last:
                raise BrokenPromiseError(f"{where}: row {row.seq} stands after one that was committed later")
            last = order

    def _check_content(self, where: str, row: Stored) -> None:
        body = self.rows[row.identity].body
        wrong = [piece for piece in row.said if piece not in body]
        if wrong:
            raise BrokenPromiseError(f"{where}: row {row.seq} says {wrong}, the edge node committed {body!r}")

    def _check_declared(self, identity: int, database: dict[tuple[str, str], Series]) -> None:
        stream, epoch, seq = self.place[identity]
        where = f"{self.name}/{stream}/{epoch} row {seq} ({identity})"
        series = database.get((stream, epoch))
        if series is None or not any(first <= seq <= last for first, last in series.gaps):
            mark = None if series is None else series.mark
            raise BrokenPromiseError(f"{where}: lost, and not declared (mark {mark})")
        place = (stream, epoch, seq)
        if place in self._damaged or place in self.dropped:
            return
        stored_at_s = self._stored_at_s.get(identity)
        if stored_at_s is None:
            raise BrokenPromiseError(f"{where}: declared lost without need")
        if self.now_s - stored_at_s < self._keep_acknowledged_s:
            raise BrokenPromiseError(f"{where}: let go of {self.now_s - stored_at_s:.0f} s after it was stored")
