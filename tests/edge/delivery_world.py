"""One edge node, one broker, one gateway, and all that can go wrong between them.

The outbox and the delivery protocol are the shipped ones, under a clock that is set.
"""

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from random import Random

from edge.contracts.streams import Stream
from edge.delivery import Delivery
from edge.outbox import Outbox
from tests.edge.delivery_kit import SENDER, BadPipe, Books, ModelGateway, Place, SetClock, reading, scan

MEMORY = Path("/dev/shm")  # noqa: S108 - thousands of small databases; this tests the protocol, not the disk


class DeliveryWorld:
    """Faults are methods; `end` says whether anything was lost, doubled or disordered."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a reproducible test, not a secret
        self.directory = Path(tempfile.mkdtemp(prefix="medtap-delivery-", dir=MEMORY if MEMORY.is_dir() else None))
        self.clock = SetClock()
        self.gateway = ModelGateway()
        self.up, self.down = BadPipe(self.random), BadPipe(self.random)
        self.backups: list[Books] = []
        self.numbers = dict.fromkeys(Stream, 0)
        # What has to be at the gateway in the end, in the order in which it was committed.
        self.owed: dict[Stream, list[str]] = {stream: [] for stream in Stream}
        # Rows that went away with an outbox file that was replaced by an older copy before they were delivered.
        self.gone: dict[Stream, set[str]] = {stream: set() for stream in Stream}
        self.file_copy: tuple[Path, dict[Stream, int]] | None = None
        self.boots = 0
        self.start_agent()

    def end(self) -> None:
        """Let the faults end; then everything that was kept must have arrived, once, in order."""
        try:
            self.settle()
            for stream in Stream:
                arrived = [word for word in self.gateway.arrived(stream) if not word.startswith(("fault", "gap"))]
                assert [word for word in arrived if word not in self.gone[stream]] == [
                    word for word in self.owed[stream] if word not in self.gone[stream]
                ]
                assert len(set(arrived)) == len(arrived)
                assert not any(word.startswith("gap") for word in self.gateway.arrived(stream))
        finally:
            self.outbox.close()
            shutil.rmtree(self.directory)

    # --- the agent -----------------------------------------------------------------------------------------------

    def start_agent(self) -> None:
        self.boots += 1
        self.clock.boot_id = f"{self.boots:016x}"
        path = self.directory / "outbox.sqlite3"
        self.outbox = Outbox(path, self.clock, node_name="pharmacy-1", telemetry_group_rows=4)
        self.delivery = Delivery(SENDER, self.outbox, self.clock, software_version="1", random=self.random)
        self.group: list[str] = []
        self.linked = False

    def crash_agent(self) -> None:
        self.outbox._tables.close()  # noqa: SLF001 - nothing is written on the way out of a crash
        self.group = []

    def pump(self) -> None:
        """Let the edge send what it wants to send now."""
        if self.linked:
            for message in self.delivery.outgoing():
                self.up.put(message)

    def scans(self, count: int) -> None:
        for _ in range(count):
            self.numbers[Stream.EVENTS] += 1
            number = self.numbers[Stream.EVENTS]
            self.outbox.append_event(scan(number, self.clock))
            self.owed[Stream.EVENTS].append(f"scan {number}")
            self.pump()

    def readings(self, count: int) -> None:
        for _ in range(count):
            self.numbers[Stream.TELEMETRY] += 1
            number = self.numbers[Stream.TELEMETRY]
            before = self.outbox.last_seq(Stream.TELEMETRY)
            self.outbox.append_telemetry(reading(number, self.clock))
            self.group.append(f"reading {number}")
            if self.outbox.last_seq(Stream.TELEMETRY) != before:
                self.owed[Stream.TELEMETRY] += self.group
                self.group = []
        self.pump()

    def group_grows_old(self) -> None:
        self.clock.move(1.0)
        self.outbox.flush_due()
        self.owed[Stream.TELEMETRY] += self.group
        self.group = []
        self.pump()

    def agent_crashes_and_starts(self) -> None:
        self.crash_agent()
        self.start_agent()

    def agent_restarts_in_order(self) -> None:
        self.owed[Stream.TELEMETRY] += self.group
        self.outbox.close()
        self.start_agent()

    def outbox_keeps_house(self) -> None:
        self.outbox.housekeep()

    def wall_clock_jumps(self, seconds: float) -> None:
        self.clock.wall_offset += timedelta(seconds=seconds)

    # --- the network ---------------------------------------------------------------------------------------------

    def connect(self) -> None:
        if not self.linked:
            self.delivery.connected()
            self.linked = True
        self.pump()

    def disconnect(self) -> None:
        if self.linked:
            self.delivery.disconnected()
            self.linked = False

    def pipe_changes(self, loss: float, doubling: float, disorder: float) -> None:
        for pipe in (self.up, self.down):
            pipe.loss, pipe.doubling, pipe.reordering = loss, doubling, disorder

    def broker_loses_its_store(self) -> None:
        self.up.empty()
        self.down.empty()

    def gateway_works(self, messages: int) -> None:
        for _ in range(messages):
            message = self.up.take()
            if message is None:
                return
            for answer in self.gateway.take(message, self.clock.stamp().occurred_at):
                self.down.put(answer)

    def answers_arrive(self, messages: int) -> None:
        if not self.linked:
            return
        for _ in range(messages):
            message = self.down.take()
            if message is None:
                break
            self.delivery.received(message.topic, message.payload)
        self.pump()

    def time_passes(self, seconds: float) -> None:
        self.clock.move(seconds)
        self.pump()

    def all_goes_its_way(self, rounds: int) -> None:
        self.connect()
        for _ in range(rounds):
            self.gateway_works(20)
            self.answers_arrive(20)
            self.time_passes(0.1)

    # --- disasters -----------------------------------------------------------------------------------------------

    def database_is_backed_up(self) -> None:
        self.backups.append(self.gateway.books.copy(self.gateway.books.generation))

    def database_is_restored(self) -> None:
        if self.backups:
            self.gateway.restore(self.random.choice(self.backups))

    def outbox_file_is_copied(self) -> None:
        """In a run that was in contact (what Outbox can tell from its original); only one copy at a time."""
        if self.file_copy is not None or not all(self.outbox.marks(stream).in_contact for stream in Stream):
            return
        self.owed[Stream.TELEMETRY] += self.group
        self.outbox.close()
        copy = self.directory / "older-copy"
        shutil.copyfile(self.directory / "outbox.sqlite3", copy)
        self.file_copy = copy, {stream: len(self.owed[stream]) for stream in Stream}
        self.start_agent()

    def outbox_file_is_replaced_by_the_older_copy(self) -> None:
        if self.file_copy is None:
            return
        copy, lengths = self.file_copy
        self.crash_agent()
        for stream in Stream:
            at_gateway = set(self.gateway.arrived(stream))
            self.gone[stream] |= {word for word in self.owed[stream][lengths[stream] :] if word not in at_gateway}
        # A restored image of the card: what stood beside the file is as old as the file.
        for ending in ("", "-wal", ".numbers"):
            (self.directory / f"outbox.sqlite3{ending}").unlink(missing_ok=True)
        copy.rename(self.directory / "outbox.sqlite3")
        self.file_copy = None
        # Frames of the replaced file that are still under way would arrive or not; an older backup would need its rows.
        self.up.empty()
        self.backups.clear()
        self.start_agent()

    def check(self) -> None:
        """Nothing is acknowledged that is not committed."""
        for stream in Stream:
            marks = self.outbox.marks(stream)
            assert marks.acknowledged_seq <= marks.offered_seq <= marks.last_seq
            if marks.server_generation == self.gateway.books.generation:
                place: Place = (stream, marks.epoch)
                assert marks.acknowledged_seq <= self.gateway.books.mark(place)

    # --- the end -------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Faults end; then everything must arrive within bounded time."""
        for pipe in (self.up, self.down):
            pipe.loss = pipe.doubling = pipe.reordering = 0.0
        self.outbox.flush()
        self.owed[Stream.TELEMETRY] += self.group
        self.group = []
        self.connect()
        # Long enough for the longest back-off and then for an idle stream to ask whether its rows are still there.
        for _ in range(80):
            self.gateway_works(20)
            self.answers_arrive(20)
            self.time_passes(2.0)
        assert self.delivery.drained, [self.outbox.marks(stream) for stream in Stream]

    # --- chance --------------------------------------------------------------------------------------------------

    def anything_happens(self) -> None:
        """One step of a random walk in which work is common and disaster is rare."""
        draw = self.random
        step = draw.random()
        if step < 0.35:
            self.all_goes_its_way(draw.randint(1, 6))
        elif step < 0.6:
            self.scans(draw.randint(1, 6))
            self.readings(draw.randint(0, 12))
        elif step < 0.8:
            draw.choice(
                [
                    lambda: self.gateway_works(draw.randint(1, 10)),
                    lambda: self.answers_arrive(draw.randint(1, 10)),
                    lambda: self.time_passes(draw.choice([0.1, 1.0, 3.0, 20.0])),
                    self.group_grows_old,
                    self.outbox_keeps_house,
                    self.connect,
                ]
            )()
        elif step < 0.9:
            self.pipe_changes(draw.choice([0, 0, 0.3, 0.9]), draw.choice([0, 0.5]), draw.choice([0, 0.5]))
        else:
            draw.choice(
                [
                    self.agent_crashes_and_starts,
                    self.agent_restarts_in_order,
                    self.disconnect,
                    self.broker_loses_its_store,
                    lambda: self.wall_clock_jumps(draw.choice([-3600, 3600, 86_400])),
                    self.database_is_backed_up,
                    self.database_is_restored,
                    self.outbox_file_is_copied,
                    self.outbox_file_is_replaced_by_the_older_copy,
                ]
            )()
