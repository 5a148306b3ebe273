"""`medtap bench peers`: the same messages through medtap and through whatever peer is installed, in one run.

The same machine, broker and PostgreSQL server (durable: fsync and synchronous_commit on, as asked of the server), one
after the other, each with a database of its own; medtap before and after the peers, for a machine is not the same for
a minute. A peer's readings are those of medtap's load, in the form that the peer takes; its rate counts from the first
message sent to the last row seen.
"""

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from medtap.bench.ingest import IngestOptions, measure_ingest
from medtap.bench.ingest_load import LoadSpec, Reading, readings
from medtap.bench.mqtt_load import LoadClient
from medtap.bench.peers.collectd import find_collectd
from medtap.bench.peers.node_red import find_node_red
from medtap.bench.peers.paho_peer import PahoScript
from medtap.bench.peers.peer import CREATE_TABLE, Missing, Peer, Workplace
from medtap.bench.raw_limits import commit_times_s
from medtap.services.broker import EmbeddedBroker
from medtap.services.errors import ServiceError
from medtap.services.postgres import EmbeddedPostgres
from medtap.services.processes import ChildProcess

_NODES: Final = 20
_DEVICES_PER_NODE: Final = 10
"""Both as in the single-message part of `medtap bench ingest`."""
_FULL_FRAME_READINGS: Final = 4_000
"""Of medtap's run only the single messages are compared; the full frames are kept short."""
_WARM_UP: Final = 2_000
_COMMITS: Final = 500
_UNACKNOWLEDGED: Final = 20 * 256
"""Messages that the broker has not acknowledged, at most: the windows of medtap's load together."""
_OUTBOX_BYTES: Final = 256 * 1024
_START_S: Final = 60.0
_STALLED_S: Final = 10.0
"""No new row for so long: what is missing is lost."""
_POLL_S: Final = 0.1


@dataclass(frozen=True)
class PeerOptions:
    """What is compared."""

    messages: int = 20_000
    """Of one reading each; rounded down to a multiple of 20, the number of edge nodes."""
    node_red: Path | None = None
    """Where `node_modules/node-red` and `node_modules/pg` are; None: by the `node-red` on PATH."""


def measure_peers(options: PeerOptions) -> Mapping[str, Any]:
    """Run medtap, then each peer that is installed.

    Returns:
        `messages`; `medtap`: `messages_per_s` (mean of before and after), `before_and_after`, `version`; `peers`: for
        each what `run_peer` returns; `skipped`: `name`, `reason`, `install`; `server`: version and durability of the
        PostgreSQL they all wrote to, and `commits_per_s`: of one connection, at begin and end.

    Raises:
        ServiceError: the broker, PostgreSQL or medtap's own run failed. A peer that fails is skipped with the reason.
    """
    found: list[Peer | Missing] = [PahoScript(), find_collectd(), find_node_red(options.node_red)]
    peers, skipped = [], [each for each in found if isinstance(each, Missing)]
    with ExitStack() as parts:
        postgres = EmbeddedPostgres()
        parts.callback(postgres.stop)
        postgres.start()
        broker = EmbeddedBroker(with_v4=True)
        parts.callback(broker.stop)
        broker.start()
        server = _server(postgres.dsn())
        commits_before = _commits_per_s(postgres.create_database())
        messages, before = _run_medtap(options.messages, postgres.create_database(), broker)
        for peer in found:
            if isinstance(peer, Missing):
                continue
            try:
                peers.append(run_peer(peer, messages, postgres.create_database(), broker))
            except ServiceError as error:
                skipped.append(Missing(peer.name, f"{peer.version} is there but did not work: {error}", ""))
        _, after = _run_medtap(options.messages, postgres.create_database(), broker)
        commits_after = _commits_per_s(postgres.create_database())
    return {
        "messages": messages,
        "medtap": {
            "messages_per_s": round(2 / (1 / before + 1 / after)),
            "before_and_after": [before, after],
            "version": f"medtap {version('medtap')}",
        },
        "peers": peers,
        "skipped": [{"name": each.name, "reason": each.reason, "install": each.install} for each in skipped],
        "server": {**server, "commits_per_s": [commits_before, commits_after]},
    }


def _server(dsn: str) -> Mapping[str, str]:
    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
    with psycopg.connect(dsn) as connection:
        rows = [connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone() for name in names]
    return {name: str(row[0]) for name, row in zip(names, rows, strict=True) if row is not None}


def _commits_per_s(dsn: str) -> int:
    """One-row transactions a second over one connection: how the disk does at this moment."""
    return round(_COMMITS / sum(commit_times_s(dsn, _COMMITS)))


def _run_medtap(messages: int, dsn: str, broker: EmbeddedBroker) -> tuple[int, int]:
    """How many messages were sent, and how many a second were committed and acknowledged."""
    figures = measure_ingest(
        IngestOptions(readings=_FULL_FRAME_READINGS, messages=messages, dsn=dsn, broker=f"{broker.host}:{broker.port}")
    )
    return figures["single_messages"], figures["messages_per_s"]


def run_peer(
    peer: Peer,
    messages: int,
    dsn: str,
    broker: EmbeddedBroker,
    *,
    warm_up: int = _WARM_UP,
    stalled_s: float = _STALLED_S,
) -> Mapping[str, Any]:
    """Start a peer, warm it up, send it the messages, count the rows, end it.

    Args:
        peer: what runs.
        messages: a multiple of 20, the number of edge nodes.
        dsn: an empty database.
        broker: with a listener for MQTT 3.1.1 if the peer needs one.
        warm_up: messages before those that count; a multiple of 20.
        stalled_s: without a new row for so long, what is missing is lost.

    Returns:
        `name`, `version`, `messages_per_s`, `stored`, `lost`, `twice`, `lacks`.

    Raises:
        ServiceError: it did not come up.
    """
    with ExitStack() as parts:
        directory = Path(tempfile.mkdtemp(prefix="medtap-peer-"))
        parts.callback(shutil.rmtree, directory, ignore_errors=True)
        root = f"peer-{secrets.token_hex(4)}"
        connection = parts.enter_context(psycopg.connect(dsn, autocommit=True))
        connection.execute(CREATE_TABLE)
        process = peer.process(Workplace(directory, dsn, broker.host, broker.port, broker.port_v4, root))
        parts.callback(process.stop)
        process.start()
        client = LoadClient(broker.host, broker.port, f"load-{root}")
        parts.callback(client.close)
        run = _PeerRun(peer, process, connection, client, root)
        run.wake()
        run.send(_readings(warm_up))
        run.settle(warm_up, stalled_s)
        run.empty()
        began = time.monotonic()
        run.send(_readings(messages))
        stored, ended = run.settle(messages, stalled_s)
        different = run.different()
    return {
        "name": peer.name,
        "version": peer.version,
        "messages_per_s": round(stored / (ended - began)),
        "stored": stored,
        "lost": messages - different,
        "twice": stored - different,
        "lacks": list(peer.lacks),
    }


class _PeerRun:
    """One peer at work."""

    def __init__(
        self,
        peer: Peer,
        process: ChildProcess,
        connection: psycopg.Connection,
        client: LoadClient,
        root: str,
    ) -> None:
        self._peer = peer
        self._process = process
        self._connection = connection
        self._client = client
        self._root = root

    def wake(self) -> None:
        """Send single messages until one has become a row: now it has subscribed.

        Raises:
            ServiceError: it did not come up.
        """
        deadline = time.monotonic() + _START_S
        (first,) = _readings(1, nodes=1)
        while not self._count():
            if time.monotonic() > deadline or not self._process.running:
                raise ServiceError(f"no row of {self._peer.name} within {_START_S:.0f} s: {self._process.last_words()}")
            self.send([first])
            time.sleep(3 * _POLL_S)
        time.sleep(1.0)  # for what is still under way of those messages
        self.empty()

    def send(self, load: Iterable[Reading]) -> None:
        """Publish as fast as the broker acknowledges."""
        made = [self._peer.message(self._root, reading) for reading in load]
        for topic, payload in made:
            while self._client.unacknowledged >= _UNACKNOWLEDGED or self._client.waiting_bytes >= _OUTBOX_BYTES:
                list(self._client.exchange(_POLL_S))
            self._client.publish(topic.encode(), payload)
        while self._client.unacknowledged:
            list(self._client.exchange(_POLL_S))

    def settle(self, expected: int, stalled_s: float) -> tuple[int, float]:
        """Wait for so many different rows, or until no more come.

        Returns:
            How many rows there are, and when the last new one was seen (monotonic clock, seconds).
        """
        stored, moved_at = 0, time.monotonic()
        while time.monotonic() - moved_at < stalled_s:
            now_stored = self._count()
            if now_stored != stored:
                stored, moved_at = now_stored, time.monotonic()
            if stored >= expected and self.different() >= expected:
                break
            time.sleep(_POLL_S)
        return stored, moved_at

    def empty(self) -> None:
        """An empty table, and nothing left to write from before."""
        self._connection.execute("TRUNCATE peer_reading")
        self._connection.execute("CHECKPOINT")

    def different(self) -> int:
        """How many readings are in the table at least once."""
        return self._number("SELECT count(DISTINCT (device, occurred_at)) FROM peer_reading")

    def _count(self) -> int:
        return self._number("SELECT count(*) FROM peer_reading")

    def _number(self, query: str) -> int:
        row = self._connection.execute(query.encode()).fetchone()
        return int(row[0]) if row is not None else 0


def _readings(count: int, nodes: int = _NODES) -> list[Reading]:
    """The readings of medtap's own load, one of each edge node in turn; `count` must be a multiple of `nodes`."""
    per_node = count // nodes
    spec = LoadSpec(
        host="",
        port=0,
        site="",
        nodes=nodes,
        devices_per_node=_DEVICES_PER_NODE,
        readings_per_node=per_node,
        rows_per_frame=1,
        window_frames=1,
        began_at=(datetime.now(UTC) - timedelta(seconds=per_node / _DEVICES_PER_NODE + 60)).isoformat(),
    )
    each_node = [readings(spec, node) for node in range(nodes)]
    return [reading for turn in zip(*each_node, strict=True) for reading in turn]
