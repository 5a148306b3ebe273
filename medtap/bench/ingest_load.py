"""The load of `medtap bench ingest`: frames of several edge nodes, made beforehand, sent as an edge node sends them.

A process of its own: `python -m medtap.bench.ingest_load SPEC.json`. Frames carry real sequence numbers, epochs and
checksums; there is a window in flight for each node, only the gateway's `Ack` moves it, and what is not acknowledged in
time is sent again.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from edge.contracts import topics
from edge.contracts.frame import FrameHeader, encode_frame
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender
from medtap.bench.mqtt_load import LoadClient

_GIVE_UP_S: Final = 300.0
_OUTBOX_BYTES: Final = 512 * 1024
BOOT_ID: Final = "b007b007b007b007"


@dataclass(frozen=True)
class LoadSpec:
    """What is sent."""

    host: str
    port: int
    site: str
    nodes: int
    devices_per_node: int
    readings_per_node: int
    rows_per_frame: int
    window_frames: int
    """Frames of one node in flight."""
    began_at: str
    """Time of the first reading, ISO 8601."""
    rate_per_s: float = 0.0
    """Readings a second at most; 0: as fast as the window allows."""
    resend_s: float = 5.0
    """All that is in flight of a node is sent again if its mark does not move for so long."""


@dataclass(frozen=True)
class Reading:
    """One reading of the load, as the sensor said it."""

    node: int
    seq: int
    device: int
    occurred_at: datetime
    temperature_celsius: float
    monotonic_ns: int


def readings(spec: LoadSpec, node: int) -> Iterator[Reading]:
    """All readings of one node: its devices in turn, a reading a second each, between 2 and 8 degrees."""
    began_at = datetime.fromisoformat(spec.began_at)
    for index in range(spec.readings_per_node):
        turn, device = divmod(index, spec.devices_per_node)
        after_us = turn * 1_000_000 + device * 1_000 + node
        yield Reading(
            node=node,
            seq=index + 1,
            device=device,
            occurred_at=began_at + timedelta(microseconds=after_us),
            temperature_celsius=2.0 + (index * 37 + node * 11) % 6000 / 1000,
            monotonic_ns=after_us * 1000,
        )


def frames(spec: LoadSpec, node: int) -> list[tuple[int, bytes]]:
    """The last sequence number and the bytes of each frame of one node."""
    header = FrameHeader(
        site=spec.site,
        edge_node=f"node-{node}",
        stream=Stream.TELEMETRY,
        epoch=f"{node:016x}",
        boot_id=BOOT_ID,
        first_seq=1,
        sent_at=datetime.now(UTC),
    )
    made, rows, first = [], [], 1
    for reading in readings(spec, node):
        # The very bytes that OBSERVATION.dump_json gives (a test compares); a model for each row would take minutes.
        at = reading.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        rows.append(
            b'{"device_id":"probe-%d","occurred_at":"%b","monotonic_ns":%d,"kind":"temperature_measured",'
            b'"temperature_celsius":%b}'
            % (reading.device, at.encode(), reading.monotonic_ns, repr(reading.temperature_celsius).encode())
        )
        if len(rows) == spec.rows_per_frame:
            made.append((reading.seq, encode_frame(header.model_copy(update={"first_seq": first}), rows)))
            rows, first = [], reading.seq + 1
    if rows:
        made.append((spec.readings_per_node, encode_frame(header.model_copy(update={"first_seq": first}), rows)))
    return made


class _Node:
    """One edge node: what is sent, what is acknowledged."""

    def __init__(self, spec: LoadSpec, number: int) -> None:
        sender = Sender(spec.site, f"node-{number}")
        self.topic = topics.up(sender, Stream.TELEMETRY).encode()
        self.frames = frames(spec, number)
        self.acknowledged = 0
        self.sent = 0
        self.moved_at = 0.0

    def take_ack(self, mark: int, now: float) -> None:
        while self.acknowledged < len(self.frames) and self.frames[self.acknowledged][0] <= mark:
            self.acknowledged += 1
            self.moved_at = now
        self.sent = max(self.sent, self.acknowledged)


class _Load:
    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec
        self._nodes = [_Node(spec, number) for number in range(spec.nodes)]
        self._by_topic = {
            topics.ack(Sender(spec.site, f"node-{number}")): node for number, node in enumerate(self._nodes)
        }
        self._client = LoadClient(spec.host, spec.port, f"load-{spec.site}")
        for topic in self._by_topic:
            self._client.subscribe(topic)
        self._resent = 0
        self._sent_rows = 0

    def run(self) -> dict[str, float]:
        """Send all and wait for the last acknowledgement."""
        began = time.monotonic()
        cpu = time.process_time()
        offered_s = 0.0
        for node in self._nodes:
            node.moved_at = began
        while any(node.acknowledged < len(node.frames) for node in self._nodes):
            now = time.monotonic()
            if now - began > _GIVE_UP_S:
                raise TimeoutError(f"not everything was acknowledged within {_GIVE_UP_S:.0f} s")
            self._send(now, began)
            if not offered_s and all(node.sent == len(node.frames) for node in self._nodes):
                offered_s = time.monotonic() - began
            for topic, payload in self._client.exchange(0.02):
                self._by_topic[topic].take_ack(json.loads(payload)["mark"], time.monotonic())
        took_s = time.monotonic() - began
        self._client.close()
        return {
            "frames": sum(len(node.frames) for node in self._nodes),
            "readings": self._spec.nodes * self._spec.readings_per_node,
            "bytes": sum(len(payload) for node in self._nodes for _, payload in node.frames),
            "resent_frames": self._resent,
            "took_s": took_s,
            "offered_s": offered_s or took_s,
            "cpu_s": time.process_time() - cpu,
        }

    def _send(self, now: float, began: float) -> None:
        spec = self._spec
        for node in self._nodes:
            if node.sent > node.acknowledged and now - node.moved_at > spec.resend_s:
                self._resent += node.sent - node.acknowledged
                node.sent, node.moved_at = node.acknowledged, now
            until = min(len(node.frames), node.acknowledged + spec.window_frames)
            while node.sent < until and self._client.waiting_bytes < _OUTBOX_BYTES:
                if spec.rate_per_s and self._sent_rows > (now - began) * spec.rate_per_s:
                    return
                self._client.publish(node.topic, node.frames[node.sent][1])
                if node.sent == node.acknowledged:
                    node.moved_at = now
                node.sent += 1
                self._sent_rows += spec.rows_per_frame


def write_spec(spec: LoadSpec, file: Path) -> None:
    """For `python -m medtap.bench.ingest_load FILE`."""
    file.write_text(json.dumps(asdict(spec)))


def main() -> None:
    """Send a load; one JSON object on standard output when the last row is acknowledged."""
    spec = LoadSpec(**json.loads(Path(sys.argv[1]).read_text()))
    load = _Load(spec)
    sys.stdout.write(json.dumps(load.run()) + "\n")


if __name__ == "__main__":
    main()
