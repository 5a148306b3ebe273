"""The whole protocol from one seed: nodes, broker, gateways, database, what goes wrong with them, and the end of it."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Final
from unittest import mock

from edge import outbox_tables
from edge.contracts import topics
from edge.contracts.streams import Stream
from tests.simulation.broker import Broker
from tests.simulation.database import Database
from tests.simulation.edge_node import EdgeNode, NodeSize
from tests.simulation.faults import Faults
from tests.simulation.gateway_worker import GatewayWorker
from tests.simulation.oracle import BrokenPromiseError, EdgeBooks
from tests.simulation.scheduler import Scheduler, Trace

IDLE_ASK_S: Final = 80.0
"""An idle stream asks within 75 s whether its rows are still there: so long may a restored backup go unnoticed."""

QUIET_WITHIN_S: Final = 240.0
"""After the last fault: that, and twice the longest pause of everyone on the way."""


@dataclass(frozen=True)
class Report:
    """What one seed was."""

    seed: int
    committed: int
    stored: int
    declared: int
    steps: int
    virtual_s: float
    faults: dict[str, int]
    trace: tuple[str, ...] = field(repr=False, default=())


class World:
    """Everything of one seed. `run` once."""

    node_class: type[EdgeNode] = EdgeNode
    worker_class: type[GatewayWorker] = GatewayWorker

    def __init__(self, seed: int, *, trace: bool = False) -> None:
        self.seed = seed
        self.trace = Trace(wanted=trace)
        self.random = random = Random(seed)  # noqa: S311 - a reproducible simulation, not a secret
        self.scheduler = Scheduler(self.trace)
        self.broker = Broker(self.scheduler, random)
        books: dict[str, EdgeBooks] = {}
        self.database = Database(self.scheduler, books)
        large = random.random() < 0.05
        self.duration_s = random.uniform(60, 240) if large else random.uniform(5, 40)
        self.rows = random.randint(40, 120) if large else random.randint(4, 24)
        self.nodes = [self._node(f"node-{index}") for index in range(random.choice((1, 1, 1, 2, 2, 3)))]
        for node in self.nodes:
            books[node.name] = node.books
        shared = random.random() < 0.5
        self.workers = [
            self.worker_class(self.scheduler, self.broker, self.database, f"gateway-{index}", random, shared=shared)
            for index in range(random.choice((1, 1, 2, 3)))
        ]
        self.faults = Faults(self)

    def run(self) -> Report:
        """Let it all happen; then faults stop, and everything must come to its end.

        Raises:
            BrokenPromiseError: something did not hold; nothing else may come out of shipped code.
        """
        with ExitStack() as stack:
            stack.callback(self._destroy)
            stack.enter_context(mock.patch.object(outbox_tables, "new_epoch", self._new_epoch))
            self._plan()
            self.scheduler.run_until(self.duration_s)
            self.faults.end()
            self._settle()
            return self._check()

    # --- inside --------------------------------------------------------------------------------------------------

    def _node(self, name: str) -> EdgeNode:
        random = self.random
        size = NodeSize(
            frame_bytes=random.choice((400, 1000, 4000)),
            group_rows=random.choice((2, 5, 10)),
            keep_acknowledged_s=random.choice((5.0, 60.0, 14 * 86400.0)),
            outbox_bytes=random.choice((0, 0, 0, 0, 0, 0, 0, 16_384, 24_576)),
        )
        return self.node_class(self.broker, name, random, size, self.database.mark)

    def _new_epoch(self) -> str:
        return f"{self.random.getrandbits(64):016x}"

    def _plan(self) -> None:
        random = self.random
        for process in (*self.workers, *self.nodes):
            self.scheduler.after(random.uniform(0.0, 2.0), process.start)
        for node in self.nodes:
            at_s = 0.0
            for _ in range(self.rows // len(self.nodes)):
                # In bursts, as people and timers work.
                if random.random() < 0.2:
                    at_s = random.uniform(0.0, self.duration_s)
                self.scheduler.after(at_s, node.scan if random.random() < 0.4 else node.measure)
                at_s += random.uniform(0.0, 0.05)
        self.faults.plan()

    def _settle(self) -> None:
        self.trace(self.scheduler.now_ns, "world", "no more faults")
        for process in (*self.workers, *self.nodes):
            process.start()
        began_s = self.scheduler.now_s
        self.scheduler.run_until(began_s + IDLE_ASK_S)
        while not all(node.quiet for node in self.nodes):
            if self.scheduler.now_s > began_s + QUIET_WITHIN_S:
                restless = [node.name for node in self.nodes if not node.quiet]
                raise BrokenPromiseError(
                    f"{', '.join(restless)}: not quiet {QUIET_WITHIN_S:.0f} s after the last fault"
                )
            self.scheduler.run_until(self.scheduler.now_s + 5.0)

    def _check(self) -> Report:
        series = self.database.series()
        for node in self.nodes:
            node.check()
            node.books.now_s = self.scheduler.now_s
            node.books.check(series.get(node.name, {}))
        stored = sum(len(each.rows) for streams in series.values() for each in streams.values())
        gaps = [gap for streams in series.values() for each in streams.values() for gap in each.gaps]
        return Report(
            self.seed,
            sum(len(node.books.rows) for node in self.nodes),
            stored,
            sum(last - first + 1 for first, last in gaps),
            self.scheduler.steps,
            self.scheduler.now_s,
            {**self.faults.counts, **{f"message {name}": count for name, count in self.broker.counts.items()}},
            tuple(self.trace.lines),
        )

    def _destroy(self) -> None:
        for node in self.nodes:
            node.disk.destroy()

    def under_way(self, node: EdgeNode) -> bool:
        """True if a frame of this node may still reach a gateway."""
        begin = topics.up(node.sender, Stream.EVENTS).rpartition("/")[0]
        return self.broker.under_way(begin) or any(worker.holds(begin) for worker in self.workers)


def silence() -> None:
    """Shipped code logs each fault; tens of thousands of simulated ones are nobody's business."""
    for name in ("edge", "gateway"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
