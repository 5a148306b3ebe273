"""The account of a run: what was committed at the edge, beside what is stored. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from medtap.chaos.outbox_files import OutboxStream
from medtap.chaos.stored_rows import StoredRow, StoredRows

NAMED_MAX = 20
"""Lost or superfluous rows that are named."""


@dataclass
class Account:
    """Figures in rows."""

    generated: int = 0
    """Numbers given by every outbox file there has been, and codes that a scanner delivered and no outbox kept."""
    stored: int = 0
    """Of these, standing in the database (once or more often), with the right content."""
    duplicates: int = 0
    """Rows in the database beyond one for each that was generated."""
    declared_gaps: int = 0
    """Rows covered by a gap that the stream declares, or waiting in an outbox file that was taken out."""
    remarks: list[str] = field(default_factory=list)
    """Which rows are lost or too many, and other things that someone who looks for the reason wants to know."""

    @property
    def undeclared_lost(self) -> int:
        """Rows that are simply not there."""
        return self.generated - self.stored - self.declared_gaps

    @property
    def balanced(self) -> bool:
        """Nothing lost, nothing twice."""
        return self.undeclared_lost == 0 and self.duplicates == 0

    def remark(self, text: str) -> None:
        """Note something; only the first of many."""
        if len(self.remarks) < NAMED_MAX:
            self.remarks.append(text)


def settle(
    streams: Sequence[OutboxStream],
    stored: StoredRows,
    certain_codes: Collection[str],
    unrestored: Collection[StoredRow] = (),
) -> Account:
    """Draw up the account.

    Args:
        streams: of every outbox file that there has been.
        stored: what the database holds.
        certain_codes: codes that scanners delivered to agents that were well: each must stand in an outbox.
        unrestored: rows that stood in the database before an older backup was restored. An outbox on a full disk lets
            acknowledged rows go, and has to declare a gap for them afterwards: their codes are in it.
    """
    account = Account()
    by_epoch = {one.epoch: one for one in streams}
    if len(by_epoch) != len(streams):
        account.duplicates += len(streams) - len(by_epoch)
        account.remark("two outbox files have the same epoch")
    present = Counter((row.epoch, row.seq) for row in stored.rows)
    right = {(row.epoch, row.seq) for row in stored.rows if _is_right(by_epoch.get(row.epoch), row)}
    gaps = {(epoch, seq) for epoch, first, last in stored.gaps for seq in range(first, last + 1)}
    account.generated = sum(one.last_seq for one in streams)
    account.stored = len(right)
    account.duplicates += sum(present.values()) - len(right)
    for place in sorted(key for key, count in present.items() if count > 1 or key not in right):
        account.remark(f"too many: epoch {place[0]} row {place[1]}, {present[place]} in the database")
    for one in streams:
        _missing(account, one, right, gaps, stored.marks.get(one.epoch, 0))
    in_gaps = {row.text for row in unrestored if (row.epoch, row.seq) in gaps}
    _check_codes(account, streams, stored, set(certain_codes) - in_gaps)
    return account


def _is_right(stream: OutboxStream | None, row: StoredRow) -> bool:
    if stream is None or not 1 <= row.seq <= stream.last_seq:
        return False
    kept = stream.rows.get(row.seq)
    # A row that the file keeps no more was acknowledged long ago: there is nothing to compare with.
    return kept is None or (not kept.is_gap and kept.monotonic_ns == row.monotonic_ns)


def _missing(
    account: Account, one: OutboxStream, right: set[tuple[str, int]], gaps: set[tuple[str, int]], mark: int
) -> None:
    waiting = _waiting(one, mark) if one.taken_out else frozenset()
    for seq in range(1, one.last_seq + 1):
        if (one.epoch, seq) in right:
            continue
        if (one.epoch, seq) in gaps or seq in waiting:
            account.declared_gaps += 1
        else:
            account.remark(f"lost: {one.agent} {one.stream} epoch {one.epoch} row {seq}, mark {mark}")


def _waiting(one: OutboxStream, mark: int) -> frozenset[int]:
    """Rows above the gateway's mark that a file which was taken out still keeps: put it back, and they arrive."""
    return frozenset(number for seq, row in one.rows.items() for number in range(seq, seq + row.span) if number > mark)


def _check_codes(
    account: Account, streams: Sequence[OutboxStream], stored: StoredRows, certain_codes: Collection[str]
) -> None:
    """Beside the numbers: what the scanners themselves counted."""
    kept = set(_codes(streams)) | {row.text for row in stored.rows}
    unkept = sorted(set(certain_codes) - kept)
    account.generated += len(unkept)
    for code in unkept:
        account.remark(f"lost: code {code!r} was read by an agent that was well, and stands in no outbox")
    twice = {text: count for text, count in Counter(row.text for row in stored.rows if row.text).items() if count > 1}
    in_one_place = Counter((row.epoch, row.seq) for row in stored.rows)
    for text in sorted(twice):
        rows = {(row.epoch, row.seq) for row in stored.rows if row.text == text}
        # Two rows with one number were counted above.
        account.duplicates += len(rows) - 1
        account.remark(f"too many: code {text!r} as {sorted(rows)}, {sum(in_one_place[row] for row in rows)} rows")


def _codes(streams: Sequence[OutboxStream]) -> Iterator[str]:
    return (row.text for one in streams for row in one.rows.values() if row.text)
