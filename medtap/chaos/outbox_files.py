"""What an edge node committed, read from its outbox file after its agent has ended."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OutboxRow:
    """One row (or declared gap) that the file still keeps."""

    span: int
    """Numbers it stands for: more than 1 only for a gap."""
    monotonic_ns: int
    """By which its copy in the database is recognised."""
    is_gap: bool
    text: str
    """What a scanner read; empty for other rows."""


@dataclass(frozen=True)
class OutboxStream:
    """One stream of one outbox file."""

    agent: str
    stream: str
    epoch: str
    last_seq: int
    """Numbers 1 to this were given, so this many rows were committed."""
    rows: Mapping[int, OutboxRow]
    """By sequence number."""
    taken_out: bool
    """The file was taken out of its agent and not put back."""


def read_outbox(file: Path, agent: str, *, taken_out: bool) -> Iterator[OutboxStream]:
    """Both streams of one file, whose write-ahead log stands beside it.

    A copy is read: SQLite writes beside a file in WAL mode, and the disk may be full.

    Raises:
        sqlite3.Error: it can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="medtap-outbox-") as directory:
        for part in file.parent.glob(f"{file.name}*"):
            shutil.copy(part, directory)
        yield from _read(Path(directory) / file.name, agent, taken_out=taken_out)


def _read(file: Path, agent: str, *, taken_out: bool) -> Iterator[OutboxStream]:
    with closing(sqlite3.connect(file)) as connection:
        for stream, epoch, last_seq in connection.execute("SELECT stream, epoch, last_seq FROM stream").fetchall():
            rows = connection.execute("SELECT seq, span, body FROM outbox_row WHERE stream = ?", (stream,))
            found = {seq: _row(span, json.loads(body)) for seq, span, body in rows}
            yield OutboxStream(agent, stream, epoch, last_seq, found, taken_out)


def _row(span: int, body: Mapping[str, object]) -> OutboxRow:
    text = body.get("text", "") if body["kind"] == "code_scanned" else ""
    return OutboxRow(span, int(str(body["monotonic_ns"])), body["kind"] == "gap_declared", str(text))
