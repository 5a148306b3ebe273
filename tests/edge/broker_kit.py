"""A model gateway behind a real MQTT broker, and waiting with a deadline."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.contracts import topics
from edge.contracts.node_state import NODE_STATE, Birth, Death
from edge.contracts.streams import Stream
from edge.delivery import Outgoing
from medtap.services.broker import EmbeddedBroker
from tests.edge.delivery_kit import SENDER, ModelGateway


def eventually(condition: Callable[[], object], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


class GatewayOnBroker:
    """The model gateway behind a real broker."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.model = ModelGateway()
        self.lock = threading.Lock()
        self.states: list[Birth | Death] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="model-gateway", protocol=mqtt.MQTTv5)
        self.client.on_connect = lambda client, *_: client.subscribe(
            [(topic, SubscribeOptions(qos=1)) for topic in (topics.STATE_FILTER, topics.HELLO_FILTER, topics.UP_FILTER)]
        )
        self.client.on_message = self._take
        self.client.reconnect_delay_set(1, 1)
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()

    def _take(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/state"):
            if message.payload:
                self.states.append(NODE_STATE.validate_json(message.payload))
            return
        with self.lock:
            answers = self.model.take(Outgoing(message.topic, bytes(message.payload)), datetime.now(UTC))
        for answer in answers:
            client.publish(answer.topic, answer.payload, qos=1)

    def arrived(self, stream: Stream) -> list[str]:
        with self.lock:
            return self.model.arrived(stream)

    def stop(self) -> None:
        self.client.publish(topics.state(SENDER), b"", qos=1, retain=True).wait_for_publish(2)
        self.client.disconnect()
        self.client.loop_stop()
