"""The card status list as an edge node keeps it: put together from parts, verified, on disk, and asked at each tap.

    broker ── CardStatusPart ──► take ──► whole and newer? ──► card-status.jsonl ──► judge(card id) at each tap

A list that was believed once is used until a newer one is whole, however old it becomes: a lost card stays lost. How
old it is stands in every verdict.
"""

import binascii
import contextlib
import hashlib
import logging
import os
import threading
from base64 import b64decode, b64encode
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pydantic

from cards.status_list import StatusHead, StatusList, StatusListError, read_head, unpack
from cards.trust import TrustAnchors
from edge.clock import Clock
from edge.contracts.card_status import CardStatusPart
from edge.contracts.observations import CardStateThere, StatusListUsed
from edge.contracts.sealed import WireError

FILE_NAME: Final = "card-status.jsonl"
CLOCK_DOUBT: Final = timedelta(minutes=5)
"""A clock that is behind the list's own time by more than this says nothing about the list's age."""

_LOG = logging.getLogger(__name__)


class _UnusedError(Exception):
    """A part that is not used: its code, for the counter, and what to log."""

    @property
    def code(self) -> str:
        return str(self.args[0])


@dataclass
class _Pending:
    """A list whose parts are coming in."""

    head_text: str
    head: StatusHead
    parts: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    """By number: entries, and the message as it came."""


class CardStatusKeeper:
    """One for each node. `take` belongs to the uplink's thread, `judge` to any."""

    def __init__(
        self, directory: Path, site: str, anchors: TrustAnchors, clock: Clock, *, age_max: timedelta = timedelta(days=1)
    ) -> None:
        """Read what was kept in `directory`. `anchors`: whose lists are believed; older than `age_max` is stale."""
        self._file = directory / FILE_NAME
        self._site = site
        self._anchors = anchors
        self._clock = clock
        self._age_max = age_max
        self._lock = threading.Lock()
        self._pending: _Pending | None = None
        self._list: StatusList | None = None
        self.ignored: Counter[str] = Counter()
        """Parts that were not used, by reason: cleared, not_understood, not_believed, other_site, older."""
        self._load()

    @property
    def in_use(self) -> StatusList | None:
        """The list that cards are judged by."""
        return self._list

    def judge(self, card_id: str, now: datetime) -> tuple[CardStateThere, StatusListUsed | None]:
        """See `edge.card_trust.CardStatuses`."""
        found = self._list
        if found is None:
            return "unknown", None
        age = now - found.head.issued_at
        age_s = None if age < -CLOCK_DOUBT else max(age.total_seconds(), 0.0)
        stale = age_s is None or age > self._age_max
        used = StatusListUsed(number=found.head.number, issued_at=found.head.issued_at, age_s=age_s, stale=stale)
        if not card_id:
            return "unknown", used
        return found.state_of(card_id) or "in_order", used

    def take(self, payload: bytes) -> None:
        """A message from the broker: whatever it is, it can't make the node believe in less than before."""
        with self._lock:
            try:
                self._take(payload)
            except _UnusedError as error:
                self.ignored[error.code] += 1
                if error.args[1:]:
                    _LOG.warning("part of a card status list is not used: %s", error.args[1])
                return
            self._save_if_new()

    def _take(self, payload: bytes) -> None:
        if not payload:
            raise _UnusedError("cleared")  # the retained message of a part that is not there any more
        try:
            part = CardStatusPart.from_wire(payload)
        except (WireError, pydantic.ValidationError) as error:
            raise _UnusedError("not_understood", error) from None
        if part.to_wire() != payload:
            raise _UnusedError("not_understood", "not in the one form that its gateway writes")
        try:
            entries = _bytes(part.entries)
            pending = self._pending_for(part)
        except StatusListError as error:
            raise _UnusedError("not_believed", error) from None
        head, digests = pending.head, pending.head.part_digests
        same = (part.site, part.number, part.issued_at) == (head.site, head.number, head.issued_at)
        fits = same and part.parts == len(digests) and part.part <= len(digests)
        if not fits or digests[part.part - 1] != hashlib.sha256(entries).digest():
            raise _UnusedError("not_believed", f"part {part.part} of list {part.number} is not the one that was signed")
        pending.parts[part.part] = entries, payload

    def _pending_for(self, part: CardStatusPart) -> _Pending:
        """Where the part belongs.

        Raises:
            StatusListError: its head is not to be believed.
            _UnusedError: it is of a list that is not newer, or another hospital's.
        """
        if self._pending is not None and self._pending.head_text == part.head:
            return self._pending
        head = read_head(_bytes(part.head), self._anchors, self._clock.stamp().occurred_at)
        if head.site != self._site:
            raise _UnusedError("other_site", f"a list of site {head.site!r}")
        in_use = -1 if self._list is None else self._list.head.number
        coming = -1 if self._pending is None else self._pending.head.number
        if head.number <= in_use or head.number < coming:
            raise _UnusedError("older")
        self._pending = _Pending(part.head, head)
        return self._pending

    def _save_if_new(self) -> None:
        messages = self._use_if_whole()
        if messages is None:
            return
        try:
            _write(self._file, b"\n".join(messages) + b"\n")
        except OSError as error:
            # It is in use all the same; after a restart the broker's retained copy brings it again.
            _LOG.error("the card status list can't be written to %s: %s", self._file, error)

    def _use_if_whole(self) -> list[bytes] | None:
        pending = self._pending
        if pending is None or len(pending.parts) != len(pending.head.part_digests):
            return None
        self._pending = None
        ordered = [pending.parts[number] for number in sorted(pending.parts)]
        try:
            self._list = unpack(pending.head, [entries for entries, _ in ordered])
        except StatusListError as error:
            _LOG.warning("card status list %d is not believed: %s", pending.head.number, error)
            self.ignored["not_believed"] += 1
            return None
        _LOG.info("card status list %d: %d cards to refuse", pending.head.number, len(self._list.states))
        return [message for _, message in ordered]

    def _load(self) -> None:
        try:
            content = self._file.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            _LOG.error("the card status list can't be read from %s: %s", self._file, error)
            return
        try:
            for line in content.splitlines():
                self._take(line)
        except _UnusedError as error:
            _LOG.error("the kept card status list %s is not used: %s", self._file, error.args)
        if self._use_if_whole() is None:
            _LOG.error("the kept card status list %s is not whole: the next one of the gateway replaces it", self._file)
            self._pending = None


def _bytes(text: str) -> bytes:
    try:
        value = b64decode(text, validate=True)
    except binascii.Error as error:
        raise StatusListError(f"not base64: {error}") from None
    if b64encode(value).decode("ascii") != text:
        raise StatusListError("not the one form that base64 has for these bytes")
    return value


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    with contextlib.suppress(OSError):
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
