"""An edge node's MQTT session, as a test drives it."""

import threading
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.contracts import topics
from edge.contracts.ack import Ack
from gateway.ingest.message import ReceivedMessage
from tests.gateway.ingest_kit import Node


class EdgeClient:
    """Publishes what it is told and keeps the acknowledgements it gets."""

    def __init__(self, host: str, port: int, node: Node) -> None:
        self._acks: list[Ack] = []
        self._news = threading.Condition()
        self._ready = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"{node.site}-{node.edge_node}", protocol=mqtt.MQTTv5
        )
        self._client.on_connect = lambda client, *_: client.subscribe(topics.ack(node.sender), qos=1)
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._take
        self._client.connect(host, port)
        self._client.loop_start()
        assert self._ready.wait(60.0)

    def _subscribed(
        self, _client: mqtt.Client, _user: object, _mid: int, reasons: list[ReasonCode], _p: object
    ) -> None:
        assert not reasons[0].is_failure
        self._ready.set()

    def _take(self, _client: mqtt.Client, _user: object, message: mqtt.MQTTMessage) -> None:
        with self._news:
            self._acks.append(Ack.from_wire(bytes(message.payload)))
            self._news.notify_all()

    def send(self, message: ReceivedMessage, *, retain: bool = False) -> None:
        """Publish with QoS 1 and wait for the broker's PUBACK."""
        self._client.publish(message.topic, message.payload, qos=1, retain=retain).wait_for_publish(60.0)

    def send_raw(self, topic: str, payload: bytes) -> None:
        """The same for anything."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(60.0)

    def wait_ack(self, is_it: Callable[[Ack], bool], timeout_s: float = 60.0) -> Ack:
        """The first acknowledgement that is it."""
        deadline = time.monotonic() + timeout_s
        with self._news:
            while True:
                for ack in self._acks:
                    if is_it(ack):
                        return ack
                if not self._news.wait(deadline - time.monotonic()):
                    raise AssertionError(f"no such acknowledgement within {timeout_s} s; got {self._acks}")

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


def eventually(is_so: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.02)
