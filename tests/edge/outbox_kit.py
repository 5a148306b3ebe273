"""What outbox tests share: the account of what a file still says, and damage to its pages."""

import sqlite3
from pathlib import Path
from random import Random

from edge.contracts.observations import OBSERVATION, GapDeclared, seq_span
from edge.contracts.streams import Stream
from edge.outbox import Outbox
from tests.edge.delivery_kit import meaning

PAGE_BYTES = 4096


def account(box: Outbox, stream: Stream, after: int = 0) -> tuple[dict[int, str], int]:
    """Rows by number, and how many numbers are declared gaps. Together they are all numbers after `after`."""
    found: dict[int, str] = {}
    lost, seq = 0, after + 1
    while (frame := box.read_frame(stream, seq - 1)) is not None:
        assert frame.first_seq == seq
        for body in frame.bodies:
            row = OBSERVATION.validate_json(body)
            if isinstance(row, GapDeclared):
                lost += row.row_count
            else:
                found[seq] = meaning(row)
            seq += seq_span(row)
        assert seq == frame.last_seq + 1
    assert seq - 1 >= box.last_seq(stream)
    assert len(found) + lost == seq - 1 - after
    return found, lost


def wreck(path: Path, page: int) -> None:
    """Put something else in the place of a page. Pages are numbered from 1."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(Random(page).randbytes(PAGE_BYTES))  # noqa: S311 - a reproducible test


def leaves(path: Path) -> list[int]:
    """Pages that hold rows (SQLite file format section 1.6: a page that begins with 0x0a is a leaf)."""
    with sqlite3.connect(path) as connection:
        small = {row[0] for row in connection.execute("SELECT rootpage FROM sqlite_schema WHERE name != 'outbox_row'")}
    connection.close()
    content = path.read_bytes()
    pages = range(2, len(content) // PAGE_BYTES + 1)
    return [page for page in pages if page not in small and content[(page - 1) * PAGE_BYTES] == 0x0A]
