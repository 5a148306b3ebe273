"""The shipped uplink over a real MQTT 5 broker, against a model gateway on its other side."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from edge import mqtt_link
from edge.clock import SystemClock
from edge.config import BrokerConfig
from edge.contracts import topics
from edge.contracts.node_state import Birth, Death
from edge.contracts.streams import Stream
from edge.delivery import Delivery, Outgoing
from edge.mqtt_link import KEEPALIVE_S, LinkError, MqttLink
from edge.outbox import Outbox
from edge.uplink import Uplink
from medtap.services.broker import EmbeddedBroker
from tests.edge.broker_kit import GatewayOnBroker, eventually
from tests.edge.delivery_kit import SENDER, SetClock, reading, scan

pytestmark = pytest.mark.integration


class Node:
    """An outbox with an uplink."""

    def __init__(self, broker: EmbeddedBroker, directory: Path) -> None:
        self.clock = SystemClock()
        self.outbox = Outbox(directory / "outbox.sqlite3", self.clock, node_name="pharmacy-1", telemetry_group_rows=10)
        random = Random(1)  # noqa: S311 - jitter
        self.delivery = Delivery(SENDER, self.outbox, self.clock, software_version="0.1.0", random=random)
        self.link = MqttLink(BrokerConfig(host=broker.host, port=broker.port), "medtap-nhi-dong-1-pharmacy-1")
        self.uplink = Uplink(self.link, self.delivery, self.clock, random=random)
        self.outbox.listen(lambda _stream: self.uplink.wake())
        self.uplink.start()

    def stop(self, drain_s: float = 5.0) -> None:
        assert self.uplink.stop(drain_s)
        self.link.dispose()
        self.outbox.close()


@pytest.fixture
def gateway(own_broker: EmbeddedBroker) -> Iterator[GatewayOnBroker]:
    server = GatewayOnBroker(own_broker)
    yield server
    server.stop()


@pytest.fixture
def node(own_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Node]:
    one = Node(own_broker, tmp_path)
    yield one
    one.stop()


def test_rows_of_both_streams_arrive_once_and_are_acknowledged(gateway: GatewayOnBroker, node: Node) -> None:
    clock = SetClock()
    for number in range(200):
        node.outbox.append_event(scan(number, clock))
        node.outbox.append_telemetry(reading(number, clock))
    eventually(lambda: node.delivery.drained)
    assert gateway.arrived(Stream.EVENTS) == [f"scan {number}" for number in range(200)]
    assert gateway.arrived(Stream.TELEMETRY) == [f"reading {number}" for number in range(200)]
    offset_s = node.delivery.clock_offset_s
    assert offset_s is not None
    assert abs(offset_s) < 1.0


def test_birth_stands_while_the_node_lives_and_a_planned_death_after_its_end(
    own_broker: EmbeddedBroker, gateway: GatewayOnBroker, tmp_path: Path
) -> None:
    node = Node(own_broker, tmp_path)
    eventually(lambda: gateway.states)
    birth = gateway.states[-1]
    assert isinstance(birth, Birth)
    assert birth.boot_id == node.clock.boot_id
    assert {state.stream for state in birth.streams} == set(Stream)
    node.stop()
    eventually(lambda: isinstance(gateway.states[-1], Death))
    assert gateway.states[-1] == Death(
        site="nhi-dong-1", edge_node="pharmacy-1", boot_id=node.clock.boot_id, planned=True
    )


def test_a_death_that_is_published_while_the_node_lives_is_contradicted(gateway: GatewayOnBroker, node: Node) -> None:
    eventually(lambda: gateway.states)
    late_will = Death(site="nhi-dong-1", edge_node="pharmacy-1", boot_id="f" * 16)
    gateway.client.publish(topics.state(SENDER), late_will.model_dump_json(), qos=1, retain=True)
    eventually(lambda: late_will in gateway.states and isinstance(gateway.states[-1], Birth))


def test_a_killed_broker_that_forgot_everything_costs_nothing(
    own_broker: EmbeddedBroker, gateway: GatewayOnBroker, node: Node
) -> None:
    clock = SetClock()
    for number in range(50):
        node.outbox.append_event(scan(number, clock))
    own_broker.kill()
    eventually(lambda: not node.uplink.connected)
    for number in range(50, 100):
        node.outbox.append_event(scan(number, clock))
    own_broker.start()
    eventually(lambda: node.delivery.drained, 40)
    assert gateway.arrived(Stream.EVENTS) == [f"scan {number}" for number in range(100)]
    assert "lost" in node.uplink.last_error or "refused" in node.uplink.last_error


def test_an_orderly_end_waits_for_the_last_acknowledgement(
    own_broker: EmbeddedBroker, gateway: GatewayOnBroker, tmp_path: Path
) -> None:
    node = Node(own_broker, tmp_path)
    eventually(lambda: node.delivery.counters.acks_used >= 2)
    for number in range(30):
        node.outbox.append_event(scan(number, SetClock()))
    node.stop()
    assert len(gateway.arrived(Stream.EVENTS)) == 30
    assert node.outbox.marks(Stream.EVENTS).acknowledged_seq == 30


def test_the_end_does_not_wait_for_a_gateway_that_is_away(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    node = Node(own_broker, tmp_path)
    node.outbox.append_event(scan(1, SetClock()))
    node.stop(drain_s=0.2)
    assert node.outbox.marks(Stream.EVENTS).acknowledged_seq == 0


def test_an_exception_in_the_protocol_ends_the_connection_and_not_the_thread(
    gateway: GatewayOnBroker, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    eventually(lambda: node.delivery.counters.acks_used >= 2)
    failures = iter([RuntimeError("a defect")])
    take = node.delivery.received

    def fail_once(topic: str, payload: bytes) -> None:
        for failure in failures:
            raise failure
        take(topic, payload)

    monkeypatch.setattr(node.delivery, "received", fail_once)
    node.outbox.append_event(scan(1, SetClock()))
    eventually(lambda: node.delivery.drained)
    assert node.uplink.alive
    assert gateway.arrived(Stream.EVENTS) == ["scan 1"]


def pump_for_ever(link: MqttLink) -> None:
    while True:
        link.pump(1.0)


def test_a_broker_that_falls_silent_is_given_up_after_two_keepalives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_link, "KEEPALIVE_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = MqttLink(BrokerConfig(host="127.0.0.1", port=listener.getsockname()[1]), "somebody")

        def accept_and_fall_silent() -> None:
            connection, _ = listener.accept()
            connections.append(connection)
            # CONNACK, MQTT 5.0 section 3.2: no session, success, no properties.
            connection.sendall(b"\x20\x03\x00\x00\x00")

        connections: list[socket.socket] = []
        broker = threading.Thread(target=accept_and_fall_silent)
        broker.start()
        link.open(Outgoing("medtap/v1/s/e/state", b"{}", retain=True), ("a",))
        broker.join()
        # Nothing arrives but nothing fails either: what is sent disappears into the buffers of the network.
        link.publish(Outgoing("medtap/v1/s/e/up/events", b"{}"))
        with pytest.raises(LinkError, match=r"[Kk]eep ?alive"):
            pump_for_ever(link)
        link.dispose()
        connections[0].close()
    # So the shipped one notices within ten seconds.
    assert KEEPALIVE_S <= 5


def test_a_broker_that_is_away_is_named(tmp_path: Path) -> None:
    link = MqttLink(BrokerConfig(host="127.0.0.1", port=1), "somebody")
    with pytest.raises(LinkError, match=r"broker 127\.0\.0\.1:1: .*[Cc]onnection refused"):
        link.open(Outgoing("medtap/v1/s/e/state", b"{}", retain=True), ())
    link.dispose()
