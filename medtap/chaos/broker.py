"""The embedded broker with a log of some kilobytes: what doesn't fit is dropped without a word, as brokers do."""

import sys
from pathlib import Path
from typing import Final

from medtap.services.broker import mqtt_answers
from medtap.services.errors import ServiceError
from medtap.services.ports import ReservedPort, wait_listening
from medtap.services.processes import ChildProcess

_CONFIG: Final = """\
id = 0

[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = {segment_bytes}
max_segment_count = 2

[v5.1]
name = "v5-1"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 262144
max_inflight_count = 200
dynamic_filters = true
"""
TINY_SEGMENT_BYTES: Final = 1024
"""Two of these are kept for each topic (rumqttd takes no less): two frames of readings, where the window of a stream
sends up to eight ahead. With 8192 nothing was ever dropped."""
ROOMY_SEGMENT_BYTES: Final = 104857600


class ChaosBroker:
    """rumqttd on a free port that stays the same over its deaths. Its store is its memory."""

    def __init__(self, directory: Path, *, tiny: bool) -> None:
        """`tiny` gives it no room; its files go to `directory`, which the caller deletes."""
        self._port = ReservedPort()  # while it is dead nobody else is given the port
        self.port = self._port.number
        self._config = directory / "rumqttd.toml"
        size = TINY_SEGMENT_BYTES if tiny else ROOMY_SEGMENT_BYTES
        self._config.write_text(_CONFIG.format(port=self.port, segment_bytes=size))
        self._process = ChildProcess(
            [sys.executable, "-m", "medtap.services.broker_process", str(self._config)],
            log_file=directory / "broker.log",
        )

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """True while its process lives."""
        return self._process.running

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            ServiceError: it did not come up.
        """
        self._process.start()
        if not wait_listening(self.port, 60.0):
            raise ServiceError(f"the broker did not listen within 60 s: {self._process.last_words()}")

    def answers(self) -> bool:
        """True if it completes an MQTT connection (its router can be dead while its process lives)."""
        return mqtt_answers("127.0.0.1", self.port, 3.0)

    def kill(self) -> None:
        """SIGKILL: everything it held is gone."""
        self._process.kill()

    def stop(self) -> None:
        """End it."""
        self._process.stop(timeout_s=1.0)
