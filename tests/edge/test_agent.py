"""The whole agent as a process: simulated silicon on one side, a real broker and a model gateway on the other."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.agent_errors import AgentError
from edge.config import EdgeConfig, parse
from edge.contracts.node_state import Birth, Death
from edge.contracts.streams import Stream
from edge.status import NodeStatus, read_status
from firmware_sim.serial_scanner import SerialScanner
from firmware_sim.w1_directory import W1Directory
from medtap.services.broker import EmbeddedBroker
from tests.edge.broker_kit import GatewayOnBroker, eventually

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PROBE = "28-0123456789ab"
PROGRAM = """
import signal, sys, threading
from pathlib import Path
from edge import agent
from edge.agent import Agent
from edge.config import load
agent.DRAIN_S = 60.0  # a busy machine may need longer for what the three seconds are for
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
Agent(load(Path(sys.argv[1]))).run(stop)
"""


class Place:
    """A directory with a fridge's thermometer, a scanner, and an edge node's configuration for both."""

    def __init__(self, directory: Path, broker: EmbeddedBroker) -> None:
        self.state_dir = directory / "state"
        self.bus = W1Directory(directory / "w1", {PROBE: 4.0})
        self.scanner = SerialScanner(directory / "scanner", baud_rate=115200)
        self.config_file = directory / "edge.toml"
        self.config_file.write_text(
            f"""
[node]
site = "nhi-dong-1"
edge_node = "pharmacy-1"
state_dir = "state"
[broker]
host = "{broker.host}"
port = {broker.port}
[outbox]
telemetry_group_age_s = 0.2
[[device]]
device_id = "fridge-1-probe"
driver = "ds18b20"
base_dir = "{directory / "w1"}"
sensor_id = "{PROBE}"
interval_s = 0.1
[[device]]
device_id = "scanner-1"
driver = "serial_scanner"
path = "{self.scanner.path}"
idle_timeout_s = 30.0
"""
        )

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self.config_file)], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )

    def status(self) -> NodeStatus | None:
        file = self.state_dir / "status.json"
        return read_status(file) if file.exists() else None

    def is_up(self, process: subprocess.Popen[str]) -> bool:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        status = self.status()
        return (
            status is not None
            and status.pid == process.pid
            and status.connected
            and {device.state for device in status.devices.values()} == {"up"}
        )


def end(process: subprocess.Popen[str], with_signal: int) -> str:
    process.send_signal(with_signal)
    _, words = process.communicate(timeout=90)
    return words


def make_sure_it_ended(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        end(process, signal.SIGKILL)


@pytest.fixture
def gateway(own_broker: EmbeddedBroker) -> Iterator[GatewayOnBroker]:
    server = GatewayOnBroker(own_broker)
    yield server
    server.stop()


@pytest.fixture
def place(tmp_path: Path, own_broker: EmbeddedBroker) -> Iterator[Place]:
    one = Place(tmp_path, own_broker)
    yield one
    one.scanner.close()


def test_an_agent_brings_scans_and_readings_to_the_gateway_and_ends_in_order(
    place: Place, gateway: GatewayOnBroker
) -> None:
    agent = place.start()
    try:
        eventually(lambda: place.is_up(agent))
        assert place.scanner.scan("8934567890123")
        eventually(lambda: "scan 8934567890123" in gateway.arrived(Stream.EVENTS))
        eventually(lambda: gateway.arrived(Stream.TELEMETRY).count("reading 400") >= 3)
        birth = next(state for state in gateway.states if isinstance(state, Birth))
        assert {device.device_id: device.driver for device in birth.devices} == {
            "fridge-1-probe": "ds18b20",
            "scanner-1": "serial_scanner",
        }
        assert end(agent, signal.SIGTERM) == ""
    finally:
        make_sure_it_ended(agent)
    assert agent.returncode == 0
    eventually(lambda: isinstance(gateway.states[-1], Death))
    assert gateway.states[-1].planned  # type: ignore[union-attr]
    status = place.status()
    assert status is not None
    assert not status.running
    # Everything that was committed was acknowledged before the end.
    for stream in status.streams.values():
        assert stream.acknowledged_seq == stream.last_seq > 0
    assert len(gateway.arrived(Stream.TELEMETRY)) == status.readings_committed
    assert len(gateway.arrived(Stream.EVENTS)) == status.events_committed
    assert 0 < status.rss_mb < 200


def test_kill_9_of_the_agent_loses_no_scan_and_doubles_none(place: Place, gateway: GatewayOnBroker) -> None:
    for run in range(3):
        scanned = [f"89345678{run}{number}" for number in range(5)]
        agent = place.start()
        try:
            eventually(lambda process=agent: place.is_up(process))  # type: ignore[misc]
            for text in scanned:
                assert place.scanner.scan(text)
            # The last two may still be on the wire when the agent dies: they were never said to be kept.
            sure = {f"scan {text}" for text in scanned[:-2]}
            eventually(lambda words=sure: words <= set(gateway.arrived(Stream.EVENTS)))  # type: ignore[misc]
        finally:
            end(agent, signal.SIGKILL)
    agent = place.start()
    try:
        eventually(lambda: place.is_up(agent))
        end(agent, signal.SIGTERM)
    finally:
        make_sure_it_ended(agent)
    status = place.status()
    assert status is not None
    arrived = gateway.arrived(Stream.EVENTS)
    assert len(arrived) == status.events_committed
    scans = Counter(word for word in arrived if word.startswith("scan "))
    assert set(scans.values()) == {1}
    assert len(scans) >= 3 * 3
    assert len(gateway.arrived(Stream.TELEMETRY)) == status.readings_committed


def test_an_agent_works_without_a_broker_and_ends_at_once_when_told(place: Place, own_broker: EmbeddedBroker) -> None:
    own_broker.kill()
    agent = place.start()
    try:
        eventually(lambda: (status := place.status()) is not None and status.readings_committed >= 3)
        end(agent, signal.SIGTERM)
    finally:
        make_sure_it_ended(agent)
    assert agent.returncode == 0
    status = place.status()
    assert status is not None
    assert not status.connected
    assert "refused" in status.link_error
    assert status.streams["telemetry"].acknowledged_seq == 0


def test_a_second_agent_on_the_same_state_is_refused(place: Place) -> None:
    agent = place.start()
    try:
        eventually(lambda: place.is_up(agent))
        second = place.start()
        _, words = second.communicate(timeout=90)
        assert second.returncode != 0
        assert "another agent has it open: stop that one, or give this one a state_dir of its own" in words
        assert agent.poll() is None
    finally:
        end(agent, signal.SIGKILL)


def _config(tmp_path: Path, more: str = "") -> EdgeConfig:
    return parse(
        f"""
[node]
site = "nhi-dong-1"
edge_node = "pharmacy-1"
state_dir = "{tmp_path / "state"}"
[broker]
host = "127.0.0.1"
port = 1
{more}
"""
    )


def test_a_wrong_trust_anchor_file_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "card-ca.pem"
    wrong.write_text("not a certificate")
    config = _config(tmp_path, f'[cards]\ntrust_anchor_files = ["{wrong}"]')
    with pytest.raises(AgentError, match=r"cards\.trust_anchor_files: '.*card-ca\.pem': .*expected PEM certificates"):
        Agent(config).run(threading.Event())


def test_a_state_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("I am a file")
    with pytest.raises(AgentError, match=r"node\.state_dir '.*state': File exists: give a directory"):
        Agent(_config(tmp_path)).run(threading.Event())


def test_an_uplink_whose_thread_died_is_replaced_and_the_operator_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge import uplink  # noqa: PLC0415 - patched below

    started: list[int] = []
    run = uplink.Uplink._run  # noqa: SLF001 - the thread's body is what dies

    def die_once(self: uplink.Uplink) -> None:
        started.append(1)
        if len(started) > 1:
            run(self)

    monkeypatch.setattr(uplink.Uplink, "_run", die_once)
    stop = threading.Event()
    agent = threading.Thread(target=Agent(_config(tmp_path)).run, args=(stop,))
    agent.start()
    try:
        file = tmp_path / "state" / "status.json"
        eventually(lambda: file.exists() and read_status(file).events_committed == 1)
    finally:
        stop.set()
        agent.join()
    assert len(started) == 2
    assert read_status(file).pid == os.getpid()


def test_a_defect_in_what_the_status_tells_ends_no_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edge import agent as edge_agent  # noqa: PLC0415 - patched below

    failed = threading.Event()

    def fail_once() -> float:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("deque mutated during iteration")
        return 1.0

    monkeypatch.setattr(edge_agent, "rss_mb", fail_once)
    stop = threading.Event()
    agent = threading.Thread(target=Agent(_config(tmp_path)).run, args=(stop,))
    agent.start()
    try:
        eventually((tmp_path / "state" / "status.json").exists)
        assert failed.is_set()
    finally:
        stop.set()
        agent.join()
    assert not read_status(tmp_path / "state" / "status.json").running
