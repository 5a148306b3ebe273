"""A broker that is there and says nothing, as behind a pulled cable: the gateway must not wait for it for long."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from gateway.config import MqttConfig
from gateway.ingest import mqtt_connection
from gateway.ingest.backlog import BacklogWatch
from gateway.ingest.mqtt_connection import KEEP_ALIVE_S, PING_ANSWER_S
from gateway.ingest.subscriber import Subscriber
from tests.gateway.edge_client import eventually

_CONNACK = b"\x20\x03\x00\x00\x00"
_SUBACK = b"\x90\x06\x00\x01\x00\x01\x01\x01"
_PINGREQ, _PINGRESP = b"\xc0\x00", b"\xd0\x00"


class _Broker:
    """Takes every connection, and answers CONNECT and SUBSCRIBE; then nothing but, if it is willing, pings."""

    def __init__(self, *, answers_pings: bool) -> None:
        self.connections = 0
        self.pings = 0
        self._answers_pings = answers_pings
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        answers = {0x10: _CONNACK, 0x82: _SUBACK}
        with connection, suppress(OSError):
            while chunk := connection.recv(4096):
                if chunk[:2] == _PINGREQ:
                    self.pings += 1
                    connection.sendall(_PINGRESP if self._answers_pings else b"")
                else:
                    connection.sendall(answers.get(chunk[0], b""))


@contextmanager
def _subscriber(broker: _Broker) -> Iterator[Subscriber]:
    config = MqttConfig(host="127.0.0.1", port=broker.port, client_id="gateway")
    subscriber = Subscriber(config, lambda _: True, lambda: datetime.now(UTC), BacklogWatch())
    subscriber.start()
    try:
        yield subscriber
    finally:
        subscriber.stop()
        broker.close()


def test_a_broker_that_falls_silent_is_left_and_another_connection_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_connection, "KEEP_ALIVE_S", 1)
    monkeypatch.setattr(mqtt_connection, "PING_ANSWER_S", 0.2)
    broker = _Broker(answers_pings=False)
    with _subscriber(broker) as subscriber:
        assert subscriber.wait_connected(60.0)
        eventually(lambda: broker.connections >= 2, timeout_s=60.0)
        assert broker.pings >= 1


def test_a_broker_that_has_nothing_to_say_is_kept_as_long_as_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_connection, "KEEP_ALIVE_S", 1)
    monkeypatch.setattr(mqtt_connection, "PING_ANSWER_S", 60.0)  # however slow this machine is
    broker = _Broker(answers_pings=True)
    with _subscriber(broker) as subscriber:
        assert subscriber.wait_connected(60.0)
        eventually(lambda: broker.pings >= 3, timeout_s=60.0)
        assert broker.connections == 1


def test_a_half_open_connection_is_noticed_within_ten_seconds() -> None:
    """By what is shipped: half a keep-alive of silence, then as long for the answer to a ping."""
    assert KEEP_ALIVE_S / 2 + PING_ANSWER_S <= 10.0


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="TCP_QUICKACK is Linux's")
def test_the_brokers_segments_are_acknowledged_at_once_after_each_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux falls back to delayed acknowledgements as soon as we answer; a broker with Nagle's algorithm waits then."""
    monkeypatch.setattr(mqtt_connection, "KEEP_ALIVE_S", 60)
    broker = _Broker(answers_pings=True)
    ear, bell = socket.socketpair()
    connection = mqtt_connection.Connection(MqttConfig(host="127.0.0.1", port=broker.port, client_id="gateway"))
    try:
        wire = connection._socket  # noqa: SLF001 - what the system thinks of it
        for _ in range(3):
            connection.send(_PINGREQ)
            answers: list[object] = []
            while not answers:
                answers += connection.exchange(ear)
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1
    finally:
        connection.close()
        ear.close()
        bell.close()
        broker.close()
