"""Commits batches of messages: all or nothing, and a message that spoils its batch is set aside alone."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.errors import is_environment_fault
from gateway.ingest.decoder import Decoded, FrameReceived, HelloReceived, Rejected, StateReceived
from gateway.ingest.marks import StreamId
from gateway.ingest.store import IngestStore
from gateway.ingest.transaction import Counts, IngestTransaction, StreamAnswer
from gateway.ingest.turns import Alone, Turn

_LOG = logging.getLogger(__name__)


@dataclass
class Committed:
    """What is true now, and what to tell whom."""

    server_generation: str = ""
    answers: dict[StreamId, StreamAnswer] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    fresh: bool = False
    alarm_raised: bool = False
    """Pages were written: the pager has something to do."""

    def add(self, later: "Committed") -> None:
        """Put a later commit on top."""
        self.server_generation = later.server_generation
        self.answers.update(later.answers)
        self.counts.add(later.counts)
        self.fresh = self.fresh or later.fresh
        self.alarm_raised = self.alarm_raised or later.alarm_raised


class Committer:
    """One for each lane; not thread-safe. Several, in several processes too, are correct: marks are locked."""

    def __init__(self, store: IngestStore) -> None:
        self._store = store

    def commit(self, batch: Sequence[Decoded], turn: Turn | None = None) -> Committed:
        """Store the batch in one transaction, in its turn. Returns only when it is committed.

        A connection lost during COMMIT leaves the outcome unknown: committing the same batch again is then safe, for
        what was stored is below the mark.

        Raises:
            Exception: the database's condition (see `is_environment_fault`): commit the same batch again later.
        """
        turn = turn or Alone()
        try:
            return self._commit(batch, turn)
        finally:
            turn.written()

    def _commit(self, batch: Sequence[Decoded], turn: Turn) -> Committed:
        try:
            with self._transaction() as (transaction, committed):
                _store(transaction, batch, turn)
        except Exception as error:
            if is_environment_fault(error):
                raise
            # For all that follows.
            turn.write()
            if len(batch) > 1:
                return self._one_by_one(batch)
            _LOG.exception("a message could not be stored; it is kept as dead letter")
            return self._bury(batch[0], error)
        return committed

    def _one_by_one(self, batch: Sequence[Decoded]) -> Committed:
        total = Committed()
        for decoded in batch:
            total.add(self.commit([decoded]))
        return total

    def _bury(self, decoded: Decoded, error: Exception) -> Committed:
        with self._transaction() as (transaction, committed):
            if isinstance(decoded, FrameReceived):
                transaction.bury(decoded, error)
            else:
                reason = f"message could not be stored: {type(error).__name__}: {error!s:.300}"
                stream = decoded.stream if isinstance(decoded, Rejected) else None
                transaction.rejected([Rejected(decoded.message, decoded.sender, stream, "ingest_failed", reason)])
            transaction.finish()
        return committed

    @contextmanager
    def _transaction(self) -> Iterator[tuple[IngestTransaction, Committed]]:
        """A transaction, and what becomes true if the block ends well."""
        committed = Committed()
        with self._store.transaction() as stored:
            transaction = IngestTransaction(stored)
            yield transaction, committed
        committed.server_generation = stored.server_generation
        committed.answers = transaction.answers
        committed.counts = transaction.counts
        committed.fresh = transaction.fresh
        committed.alarm_raised = transaction.alarm_raised


def _store(transaction: IngestTransaction, batch: Sequence[Decoded], turn: Turn) -> None:
    transaction.frames(each for each in batch if isinstance(each, FrameReceived))
    turn.write()
    transaction.project()
    transaction.hellos(each for each in batch if isinstance(each, HelloReceived))
    transaction.states(each for each in batch if isinstance(each, StateReceived))
    transaction.rejected(each for each in batch if isinstance(each, Rejected))
    transaction.write()
    turn.written()
    transaction.finish()
