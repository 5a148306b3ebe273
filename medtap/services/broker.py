"""An MQTT 5 broker from a wheel (iotcore: rumqttd), for trials, tests and benchmarks, on loopback.

Known limit, found by trying: rumqttd 0.20's router thread ends in a panic when a client with a `$share/` subscription
disconnects; the process lives on and answers nobody. So nothing here subscribes with `$share`, and `answers()` asks
the router, not the port.
"""

import importlib.util
import sys
import threading
import time
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from medtap.services.directories import OwnedDirectory
from medtap.services.errors import ServiceError
from medtap.services.ports import ReservedPort, wait_listening
from medtap.services.processes import ChildProcess

_START_TIMEOUT_S: Final = 40.0
_CONFIG: Final = """\
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 1000
max_segment_size = 104857600
max_segment_count = 10

[v5.1]
name = "v5-1"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 262144
max_inflight_count = 1000
dynamic_filters = true
"""
_CONFIG_V4: Final = """
[v4.1]
name = "v4-1"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = 262144
max_inflight_count = 1000
dynamic_filters = true
"""


class EmbeddedBroker:
    """One broker on a free port, queues in memory: a killed broker forgets, which the delivery protocol bears.

    Args:
        port: of the MQTT 5 listener; 0: a free one.
        with_v4: listen for MQTT 3.1.1 too, on the free port `port_v4` (0 without): nothing of ours speaks it, but
            other programs that a benchmark runs do.
    """

    def __init__(self, *, port: int = 0, with_v4: bool = False) -> None:
        self.host = "127.0.0.1"
        self._ports = tuple(ReservedPort() for _ in range(2))
        self.port = port or self._ports[0].number
        self.port_v4 = self._ports[1].number if with_v4 else 0
        self._directory: OwnedDirectory | None = None
        self._process: ChildProcess | None = None

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            ServiceError: the wheel is missing, or the broker did not come up.
        """
        if importlib.util.find_spec("iotcore") is None:
            raise ServiceError(
                "the embedded MQTT broker is not installed: pip install 'medtap[demo]', or give --broker"
            )
        if self._directory is None:
            self._directory = OwnedDirectory("medtap-mqtt-")
        directory = self._directory.path
        config = directory / "rumqttd.toml"
        text = _CONFIG.format(host=self.host, port=self.port)
        if self.port_v4:
            text += _CONFIG_V4.format(host=self.host, port=self.port_v4)
        config.write_text(text)
        self._process = ChildProcess(
            [sys.executable, "-m", "medtap.services.broker_process", str(config)],
            log_file=directory / "broker.log",
            keep_open=(self._directory.lock,),
        )
        self._process.start()
        for port in filter(None, (self.port, self.port_v4)):
            if not wait_listening(port, _START_TIMEOUT_S, self.host):
                words = self._process.last_words()
                self.stop()
                raise ServiceError(f"the MQTT broker did not listen on {self.host}:{port} in time: {words}")

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            ServiceError: it was never started.
        """
        if self._process is None:
            raise ServiceError("the MQTT broker was never started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """True while its process lives (it may still answer nobody: see `answers`)."""
        return self._process is not None and self._process.running

    def answers(self, timeout_s: float = 5.0) -> bool:
        """True if a client can connect at the MQTT level within `timeout_s` seconds."""
        return mqtt_answers(self.host, self.port, timeout_s)

    def kill(self) -> None:
        """End it without warning; all it held is gone."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """End it and delete its directory. Safe to call twice."""
        if self._process is not None:
            self._process.stop(timeout_s=3.0)
        if self._directory is not None:
            self._directory.remove()
            self._directory = None


def mqtt_answers(host: str, port: int, timeout_s: float = 5.0) -> bool:
    """True if an MQTT 5 broker there completes a connection within `timeout_s` seconds."""
    connected = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_connect = lambda *_: connected.set()
    deadline = time.monotonic() + timeout_s
    try:
        client.connect(host, port, keepalive=10)
        client.loop_start()
        return connected.wait(max(0.0, deadline - time.monotonic()))
    except OSError:
        return False
    finally:
        client.disconnect()
        client.loop_stop()
