"""`medtap bench peers`: the same messages through medtap and through whatever peer is installed, in one run.

The same machine, broker and PostgreSQL server (durable: fsync and synchronous_commit on, as asked of the server), one
after the other, each with a database of its own. A peer's readings are those of medtap's load, in the form that the
peer takes; its rate counts from the first message sent to the last row seen.
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
        `messages`; `medtap`: `messages_per_s`, `version`; `peers`: `name`, `version`, `messages_per_s`, `stored`
        (rows), `lost`, `twice` and what it `lacks`; `skipped`: `name`, `reason`, `install`; `server`: version and
        durability of the PostgreSQL they all wrote to.

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
        ours = measure_ingest(
            IngestOptions(
                readings=_FULL_FRAME_READINGS,
                messages=options.messages,
                dsn=postgres.create_database(),
                broker=f"{broker.host}:{broker.port}",
            )
        )
        messages = ours["single_messages"]
        for peer in found:
            if isinstance(peer, Missing):
                continue
            try:
                peers.append(_run(peer, messages, postgres.create_database(), broker))
            except ServiceError as error:
                skipped.append(Missing(peer.name, f"{peer.version} is there but did not work: {error}", ""))
    return {
        "messages": messages,
        "medtap": {"messages_per_s": ours["messages_per_s"], "version": f"medtap {version('medtap')}"},
        "peers": peers,
        "skipped": [{"name": each.name, "reason": each.reason, "install": each.install} for each in skipped],
        "server": server,
    }


def _server(dsn: str) -> Mapping[str, str]:
    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
    with psycopg.connect(dsn) as connection:
        rows = [connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone() for name in names]
    return {name: str(row[0]) for name, row in zip(names, rows, strict=True) if row is not None}


def _run(peer: Peer, messages: int, dsn: str, broker: EmbeddedBroker) -> Mapping[str, Any]:
    with ExitStack() as parts:
        directory = Path(tempfile.mkdtemp(prefix="medtap-peer-"))
        parts.callback(shutil.rmtree, directory, ignore_errors=True)
        root = f"peer-{secrets.token_hex(4)}"
        connection = parts.enter_context(psycopg.connect(dsn, autocommit=True))
        connection.execute(CREATE_TABLE)
        process = peer.process(Workplace(directory, dsn, broker.host, broker.port, broker.port_v4, root))
        parts.callback(process.stop)
        process.start()
        run = _PeerRun(peer, process, connection, LoadClient(broker.host, broker.port, f"load-{root}"), root)
        parts.callback(run.close)
        run.wake()
        run.send(_readings(_WARM_UP))
        run.settle(_WARM_UP)
        run.empty()
        began = time.monotonic()
        run.send(_readings(messages))
        stored, ended = run.settle(messages)
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

    def settle(self, expected: int) -> tuple[int, float]:
        """Wait for so many rows, or until no more come; how many there are, and when the last was seen (monotonic)."""
        stored, moved_at = 0, time.monotonic()
        while stored < expected and time.monotonic() - moved_at < _STALLED_S:
            time.sleep(_POLL_S)
            now_stored = self._count()
            if now_stored != stored:
                stored, moved_at = now_stored, time.monotonic()
        return stored, moved_at

    def empty(self) -> None:
        """An empty table, and nothing left to write from before."""
        self._connection.execute("TRUNCATE peer_reading")
        self._connection.execute("CHECKPOINT")

    def different(self) -> int:
        """How many readings are in the table at least once."""
        return self._number("SELECT count(DISTINCT (device, occurred_at)) FROM peer_reading")

    def close(self) -> None:
        """Leave the broker."""
        self._client.close()

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
