"""What goes wrong, drawn from the seed. Each seed has some kinds of faults and not others: each kind gets room."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.broker import Weather
from tests.simulation.edge_node import EdgeNode

if TYPE_CHECKING:
    from tests.simulation.gateway_worker import GatewayWorker
    from tests.simulation.world import World


class Faults:
    """Plans faults over the time of a world, and takes all of them back at its end."""

    def __init__(self, world: "World") -> None:
        self.counts: Counter[str] = Counter()
        self._world = world
        self._ended = False
        self._copies: dict[str, bytes] = {}

    @property
    def random(self) -> Random:
        """The world's one source of chance."""
        return self._world.random

    def plan(self) -> None:
        """Draw what goes wrong and when."""
        random = self.random
        kinds = self.kinds()
        chosen = random.sample(kinds, random.randint(0, min(8, len(kinds))))
        if not chosen:
            return
        for _ in range(random.randint(1, 3 * len(chosen))):
            self._world.scheduler.after(random.uniform(0.0, self._world.duration_s), self._doing(random.choice(chosen)))

    def end(self) -> None:
        """From now on nothing goes wrong any more, and what is broken is mended."""
        self._ended = True
        world = self._world
        world.broker.heal()
        world.database.up = True
        world.database.commit_fault = None
        world.database.after_commit = None
        for node in world.nodes:
            node.disk.full = False
            node.disk.crash_at_commit = None
        for worker in world.workers:
            worker.dies = ""
            worker.slowness_s = 0.002

    def _doing(self, fault: Callable[[], None]) -> Callable[[], None]:
        def happen() -> None:
            if not self._ended:
                self.counts[fault.__name__.strip("_")] += 1
                fault()

        return happen

    def _later(self, delay_s: float, mend: Callable[[], None]) -> None:
        self._world.scheduler.after(delay_s, mend)

    def kinds(self) -> list[Callable[[], None]]:
        """All that can go wrong."""
        return [
            self._bad_weather,
            self._connection_cut,
            self._partition,
            self._broker_crash,
            self._broker_forgets,
            self._node_killed,
            self._node_killed_at_commit,
            self._node_restarted,
            self._wall_clock_jumps,
            self._disk_full,
            self._row_damaged,
            self._outbox_lost,
            self._outbox_copied,
            self._outbox_replaced_by_copy,
            self._gateway_killed,
            self._gateway_killed_after_commit,
            self._gateway_slow,
            self._database_down,
            self._commit_fails,
            self._database_backed_up,
            self._database_restored,
        ]

    def _node(self) -> EdgeNode:
        return self.random.choice(self._world.nodes)

    def _worker(self) -> "GatewayWorker":
        return self.random.choice(self._world.workers)

    # --- the network ---------------------------------------------------------------------------------------------

    def _bad_weather(self) -> None:
        random, broker = self.random, self._world.broker
        broker.weather = Weather(
            loss=random.choice((0.0, 0.1, 0.5, 0.9)),
            doubling=random.choice((0.0, 0.3, 0.9)),
            disorder=random.choice((0.0, 0.3, 0.9)),
            spoiling=random.choice((0.0, 0.0, 0.1, 0.5)),
        )
        self._later(random.uniform(0.5, 20.0), lambda: setattr(broker, "weather", Weather()))

    def _connection_cut(self) -> None:
        self._world.broker.cut(self.random.choice([*self._world.nodes, *self._world.workers]).name)

    def _partition(self) -> None:
        name = self.random.choice([*self._world.nodes, *self._world.workers]).name
        self._world.broker.partition(name)
        self._later(self.random.uniform(1.0, 40.0), lambda: self._world.broker.join(name))

    def _broker_crash(self) -> None:
        self._world.broker.crash(forget=False)
        self._later(self.random.uniform(0.5, 20.0), self._world.broker.restart)

    def _broker_forgets(self) -> None:
        self._world.broker.crash(forget=True)
        self._later(self.random.uniform(0.5, 20.0), self._world.broker.restart)

    def _old_words_stray(self) -> None:
        """Where numbers begin anew, what is late from before is most dangerous; and where much is said meanwhile."""
        if self.random.random() < 0.5:
            return
        broker = self._world.broker
        broker.weather = Weather(doubling=0.5, disorder=0.5)
        self._later(10.0, lambda: setattr(broker, "weather", Weather()))
        for node in self._world.nodes:
            for _ in range(6):
                self._later(self.random.uniform(0.0, 4.0), node.scan)

    # --- edge nodes ----------------------------------------------------------------------------------------------

    def _node_killed(self) -> None:
        node = self._node()
        node.kill()
        self._later(self.random.uniform(0.1, 10.0), node.start)

    def _node_killed_at_commit(self) -> None:
        self._node().disk.crash_at_commit = self.random.choice(("before", "after"))

    def _node_restarted(self) -> None:
        node = self._node()
        node.stop()
        self._later(self.random.uniform(0.1, 10.0), node.start)

    def _wall_clock_jumps(self) -> None:
        self._node().clock_jumps(self.random.choice((-1e8, -86400.0, -3600.0, -0.5, 0.5, 300.0, 86400.0, 3e8)))

    def _disk_full(self) -> None:
        disk = self._node().disk
        disk.full = True
        self._later(self.random.uniform(0.5, 10.0), lambda: setattr(disk, "full", False))

    def _row_damaged(self) -> None:
        self._node().disk.damage(self.random)

    def _outbox_lost(self) -> None:
        node = self._node()
        self._old_words_stray()
        node.kill()
        node.trace("has a new, empty outbox file")
        node.disk.replace(None)
        self._copies.pop(node.name, None)
        self._later(self.random.choice((0.01, 0.1, 5.0)), node.start)

    def _outbox_copied(self) -> None:
        """Of a run that was in contact, which an outbox can tell from its original (edge/README.md, limits)."""
        node = self._node()
        if node.name in self._copies or not node.in_contact:
            return
        node.stop()
        node.trace("has its outbox file copied")
        self._copies[node.name] = node.disk.copy()
        self._later(self.random.uniform(0.1, 5.0), node.start)

    def _outbox_replaced_by_copy(self) -> None:
        """When nothing of the original is under way any more: its numbers would be taken for the copy's."""
        node = self._node()
        image = self._copies.pop(node.name, None)
        if image is None:
            return
        node.kill()
        node.locked = True

        def replace() -> None:
            under_way = self._world.under_way(node)
            if under_way and not self._ended:
                self._later(1.0, replace)
                return
            node.locked = False
            if not under_way:
                node.trace("has its outbox file replaced by the older copy")
                node.disk.replace(image)
                # A database older than this day would need rows that went away with the original.
                self._world.database.forget_backups()
            node.start()

        self._later(1.0, replace)

    # --- the gateway ---------------------------------------------------------------------------------------------

    def _gateway_killed(self) -> None:
        worker = self._worker()
        worker.kill()
        self._later(self.random.uniform(0.1, 10.0), worker.start)

    def _gateway_killed_after_commit(self) -> None:
        self._worker().dies = self.random.choice(("at a PUBACK", "at an answer"))

    def _gateway_slow(self) -> None:
        worker = self._worker()
        worker.slowness_s = self.random.choice((0.5, 3.0))
        self._later(self.random.uniform(1.0, 20.0), lambda: setattr(worker, "slowness_s", 0.002))

    def _database_down(self) -> None:
        database = self._world.database
        database.up = False
        self._later(self.random.uniform(0.1, 30.0), lambda: setattr(database, "up", True))

    def _commit_fails(self) -> None:
        self._world.database.commit_fault = self.random.choice(
            ("killed before", "killed after", "answer lost before", "answer lost after")
        )

    def _database_backed_up(self) -> None:
        self._world.database.back_up()

    def _database_restored(self) -> None:
        """Now, or just after a commit whose answers are still on their way."""
        database, which = self._world.database, self.random.getrandbits(8)
        self._old_words_stray()
        if self.random.random() < 0.5:
            database.restore(which)
        else:
            database.after_commit = lambda: self._later(
                self.random.uniform(0.0, 0.01), lambda: None if self._ended else database.restore(which)
            )
