"""The numbers file beside an outbox: up to where each stream's numbers have been given, noted after every commit.

It is the witness against a file that lost its newest rows: SQLite cuts a damaged write-ahead log where the damage
begins, without a word, and an older copy of the file looks whole too. Numbers that the witness has seen are never given
twice. It is not synced (the next commit, or the kernel within half a minute, does that), so it costs an SD card nothing
worth mention; and since it is written after the commit, it never says more than was committed.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.contracts.base import Epoch
from edge.contracts.streams import Stream
from edge.outbox_marks import StreamMarks

FILE_BYTES: Final = 512
"""One sector: written as a whole or not at all; a torn one does not match its seal."""

_SEAL_CHARACTERS: Final = 64


class Numbers(BaseModel):
    """What the witness saw of one stream."""

    model_config = ConfigDict(frozen=True)

    epoch: Epoch
    last_seq: int = Field(ge=0)
    acknowledged_seq: int = Field(ge=0)
    row_count: int = Field(ge=0)


def numbers_file(path: Path) -> Path:
    """Where the witness of this outbox stands."""
    return path.with_name(path.name + ".numbers")


def write_numbers(path: Path, marks: Mapping[Stream, StreamMarks]) -> None:
    """Note the numbers of the outbox at `path`. What can't be written is not noted: a witness less, nothing else."""
    said = json.dumps(
        {stream.value: [one.epoch, one.last_seq, one.acknowledged_seq, one.row_count] for stream, one in marks.items()}
    ).encode()
    content = hashlib.sha256(said).hexdigest().encode() + said
    with contextlib.suppress(OSError):
        file = os.open(numbers_file(path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.pwrite(file, content.ljust(FILE_BYTES), 0)
        finally:
            os.close(file)


def read_numbers(path: Path) -> dict[Stream, Numbers]:
    """What was noted of the outbox at `path`; empty if nothing was, or the note is damaged."""
    try:
        content = numbers_file(path).read_bytes().rstrip()
    except OSError:
        return {}
    sealed, said = content[:_SEAL_CHARACTERS], content[_SEAL_CHARACTERS:]
    if hashlib.sha256(said).hexdigest().encode() != sealed:
        return {}
    try:
        return {
            Stream(stream): Numbers.model_validate(dict(zip(Numbers.model_fields, values, strict=True)))
            for stream, values in json.loads(said).items()
        }
    except (ValueError, ValidationError, TypeError, AttributeError):
        return {}


def go_on_after(
    numbers: Mapping[Stream, Numbers], marks: Mapping[Stream, StreamMarks]
) -> tuple[dict[Stream, StreamMarks], str]:
    """Marks that give no number again that was given, and which rows the file has lost; no word if it lost none.

    What was given may have been sent.
    """
    changed, lost = dict(marks), []
    for stream, seen in numbers.items():
        mark = marks[stream]
        if seen.epoch == mark.epoch and seen.last_seq > mark.last_seq:
            lost.append(f"{stream.value} rows {mark.last_seq + 1} to {seen.last_seq}")
            changed[stream] = replace(mark, last_seq=seen.last_seq, offered_seq=seen.last_seq)
    return changed, ", ".join(lost)
