"""The MQTT side of the ingest on a real broker: nothing is let go before it is committed, whatever dies."""

import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg
import pytest

from edge.contracts.node_state import Hello, StreamState
from edge.contracts.streams import Stream
from gateway.bootstrap import Gateway
from gateway.config import GatewayConfig, HttpConfig, MqttConfig
from gateway.ingest.backlog import BacklogWatch
from gateway.ingest.message import ReceivedMessage
from gateway.ingest.subscriber import Delivery, Subscriber
from medtap.services.broker import EmbeddedBroker
from medtap.services.postgres import EmbeddedPostgres
from tests.gateway.edge_client import EdgeClient, eventually
from tests.gateway.ingest_kit import Node, reading

pytestmark = pytest.mark.integration


def _now() -> datetime:
    return datetime.now(UTC)


def _mqtt(broker: EmbeddedBroker) -> MqttConfig:
    return MqttConfig(host=broker.host, port=broker.port, client_id=f"gateway-{secrets.token_hex(4)}")


@pytest.fixture
def node() -> Node:
    """A node that no other test knows."""
    return Node(site=f"t{secrets.token_hex(4)}")


@pytest.fixture
def edge(broker: EmbeddedBroker, node: Node) -> Iterator[EdgeClient]:
    """Its MQTT session."""
    client = EdgeClient(broker.host, broker.port, node)
    yield client
    client.close()


def _frame(node: Node, *celsius: float) -> ReceivedMessage:
    now = _now()
    return node.readings(*(reading(value, at=now) for value in celsius), at=now)


def _seqs(dsn: str) -> list[int]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT seq FROM reading ORDER BY seq")]


def test_a_gateway_killed_between_commit_and_puback_stores_nothing_twice(
    postgres_dsn: str, broker: EmbeddedBroker, node: Node, edge: EdgeClient, tmp_path: Path
) -> None:
    mqtt = _mqtt(broker)
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'dsn = "{postgres_dsn}"\n[http]\nport = 0\n[mqtt]\nhost = "{mqtt.host}"\nport = {mqtt.port}\n'
        f'client_id = "{mqtt.client_id}"\n'
    )
    config = GatewayConfig(dsn=postgres_dsn, mqtt=mqtt, http=HttpConfig(port=0))
    settled = Gateway(config)
    settled.start()  # opens the session at the broker, brings up the schema
    assert settled.ingest is not None
    assert settled.ingest.subscriber.wait_connected(60.0)
    edge.send(_frame(node, 4.0))
    edge.wait_ack(lambda ack: ack.mark == 1)
    settled.stop()

    with subprocess.Popen([sys.executable, "-m", "tests.gateway.dying_gateway", str(file)]) as dying:
        edge.send(_frame(node, 4.1, 4.2))
        try:
            assert dying.wait(120.0) == -signal.SIGKILL
        finally:
            dying.kill()
    assert _seqs(postgres_dsn) == [1, 2, 3]

    again = Gateway(config)
    again.start()
    try:
        # The broker delivers the message again; the mark says that it is stored.
        edge.wait_ack(lambda ack: ack.mark == 3)
        assert again.ingest is not None
        ingest = again.ingest
        eventually(lambda: ingest.counts.duplicate_frames >= 1)
        edge.send(_frame(node, 4.3))
        edge.wait_ack(lambda ack: ack.mark == 4)
    finally:
        again.stop()
    assert _seqs(postgres_dsn) == [1, 2, 3, 4]


def _kill(postgres: EmbeddedPostgres) -> None:
    """Every process of it: a backend that has not yet noticed could still commit."""
    processes = psutil.Process(postgres.pid).children(recursive=True)
    postgres.kill()
    _, left = psutil.wait_procs(processes, timeout=60.0)
    assert not left


def test_while_the_database_is_away_nothing_is_lost_and_nothing_is_acknowledged(
    own_postgres: EmbeddedPostgres, broker: EmbeddedBroker, node: Node, edge: EdgeClient
) -> None:
    dsn = own_postgres.create_database()
    gateway = Gateway(GatewayConfig(dsn=dsn, mqtt=_mqtt(broker), http=HttpConfig(port=0)))
    gateway.start()
    try:
        assert gateway.ingest is not None
        assert gateway.ingest.subscriber.wait_connected(60.0)
        edge.send(_frame(node, 4.0))
        edge.wait_ack(lambda ack: ack.mark == 1)
        _kill(own_postgres)
        for value in (4.1, 4.2, 4.3):
            edge.send(_frame(node, value))
        with pytest.raises(AssertionError, match="no such acknowledgement"):
            edge.wait_ack(lambda ack: ack.mark > 1, timeout_s=1.0)
        own_postgres.restart()
        edge.wait_ack(lambda ack: ack.mark == 4, timeout_s=120.0)
        assert gateway.ingest.subscriber.wait_connected(60.0)
    finally:
        gateway.stop()
    assert _seqs(dsn) == [1, 2, 3, 4]


def test_bad_duplicate_and_early_frames_are_let_go_too_so_that_the_broker_never_stalls(
    postgres_dsn: str, broker: EmbeddedBroker, node: Node, edge: EdgeClient
) -> None:
    """With two messages in flight at most, five that were not acknowledged would stop everything behind them."""
    mqtt = _mqtt(broker).model_copy(update={"receive_maximum": 2})
    gateway = Gateway(GatewayConfig(dsn=postgres_dsn, mqtt=mqtt, http=HttpConfig(port=0)))
    gateway.start()
    try:
        assert gateway.ingest is not None
        assert gateway.ingest.subscriber.wait_connected(60.0)
        first = _frame(node, 4.0)
        early = node.readings(reading(4.9, at=_now()), first_seq=50, at=_now())
        for message in (first, first, early, first, early):
            edge.send(message)
        edge.send_raw(first.topic, b"nonsense")
        edge.send(_frame(node, 4.1))
        edge.wait_ack(lambda ack: ack.mark == 2)
        counts = gateway.ingest.counts
        # More, if the broker gave something twice.
        assert counts.dead_letters >= 1
        assert counts.gap_frames >= 2
    finally:
        gateway.stop()


def test_a_hello_is_answered_at_once(postgres_dsn: str, broker: EmbeddedBroker, node: Node, edge: EdgeClient) -> None:
    gateway = Gateway(GatewayConfig(dsn=postgres_dsn, mqtt=_mqtt(broker), http=HttpConfig(port=0)))
    gateway.start()
    try:
        assert gateway.ingest is not None
        assert gateway.ingest.subscriber.wait_connected(60.0)
        streams = tuple(
            StreamState(stream=stream, epoch=node.epoch, oldest_kept_seq=0, last_seq=0) for stream in Stream
        )
        hello = Hello(site=node.site, edge_node=node.edge_node, boot_id=node.boot_id, sent_at=_now(), streams=streams)
        edge.send_raw(f"medtap/v1/{node.site}/{node.edge_node}/hello", hello.to_wire())
        for stream in Stream:
            ack = edge.wait_ack(lambda ack, stream=stream: ack.stream is stream)  # type: ignore[misc]
            assert (ack.mark, ack.answers_sent_at) == (0, hello.sent_at)
    finally:
        gateway.stop()


class _Held:
    """Deliveries that nobody has acknowledged yet."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.room = True
        self._lock = threading.Lock()

    def take(self, delivery: Delivery) -> bool:
        with self._lock:
            if self.room:
                self.deliveries.append(delivery)
            return self.room

    def payloads(self) -> list[bytes]:
        with self._lock:
            return [delivery.message.payload for delivery in self.deliveries]


def test_a_late_puback_never_lets_go_of_another_message(own_broker: EmbeddedBroker, node: Node) -> None:
    """The broker lost its store and gives the same packet identifier to a new message."""
    held = _Held()
    subscriber = Subscriber(_mqtt(own_broker), held.take, _now, BacklogWatch())
    subscriber.start()
    try:
        assert subscriber.wait_connected(60.0)
        _publish(own_broker, node, b"old")
        eventually(lambda: held.payloads() == [b"old"])
        own_broker.kill()
        eventually(lambda: not subscriber.connected)
        own_broker.start()
        assert subscriber.wait_connected(60.0)
        _publish(own_broker, node, b"new")
        eventually(lambda: held.payloads()[-1] == b"new")
        old, new = held.deliveries[0], held.deliveries[-1]
        assert old.mid == new.mid
        assert subscriber.puback([old]) == 0
        assert subscriber.puback([new]) == 1
    finally:
        subscriber.stop()


def test_what_found_no_room_is_fetched_again(broker: EmbeddedBroker, node: Node) -> None:
    held = _Held()
    subscriber = Subscriber(_mqtt(broker), held.take, _now, BacklogWatch())
    subscriber.start()
    try:
        assert subscriber.wait_connected(60.0)
        held.room = False
        first_generation = subscriber.generation
        _publish(broker, node, b"left behind")
        eventually(lambda: subscriber._overflowed)  # noqa: SLF001 - the moment to go on
        held.room = True
        subscriber.refetch_if_overflowed()
        eventually(lambda: b"left behind" in held.payloads())
        assert subscriber.generation > first_generation
    finally:
        subscriber.stop()


def test_an_exception_in_the_callback_ends_nothing(broker: EmbeddedBroker, node: Node) -> None:
    held = _Held()

    def fails_once(delivery: Delivery) -> bool:
        if delivery.message.payload == b"first":
            raise ZeroDivisionError
        return held.take(delivery)

    subscriber = Subscriber(_mqtt(broker), fails_once, _now, BacklogWatch())
    subscriber.start()
    try:
        assert subscriber.wait_connected(60.0)
        _publish(broker, node, b"first")
        _publish(broker, node, b"second")
        eventually(lambda: b"second" in held.payloads())
    finally:
        subscriber.stop()


def _publish(broker: EmbeddedBroker, node: Node, payload: bytes) -> None:
    client = EdgeClient(broker.host, broker.port, node)
    client.send_raw(f"medtap/v1/{node.site}/{node.edge_node}/up/events", payload)
    client.close()
