"""Peers get medtap's own readings, and what they lose or write twice is counted."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.contracts.observations import OBSERVATION, TemperatureMeasured
from medtap.bench.ingest_load import Reading
from medtap.bench.peers.collectd import Collectd, find_collectd
from medtap.bench.peers.comparison import run_peer
from medtap.bench.peers.node_red import NodeRed, find_node_red
from medtap.bench.peers.paho_peer import PahoScript
from medtap.bench.peers.peer import Missing, Peer, Workplace
from medtap.services.broker import EmbeddedBroker

READING = Reading(3, 17, 5, datetime(2026, 11, 22, 5, 0, 1, 5003, tzinfo=UTC), 4.25, 1_005_003_000)


@pytest.fixture
def broker_with_v4() -> Iterator[EmbeddedBroker]:
    server = EmbeddedBroker(with_v4=True)
    server.start()
    yield server
    server.stop()


class HalfDeafScript(PahoScript):
    """One reading in five goes where the script doesn't listen, one in five comes in the place of the one before."""

    def __init__(self) -> None:
        self._before: tuple[str, bytes] | None = None

    def message(self, topic_root: str, reading: Reading) -> tuple[str, bytes]:
        topic, payload = super().message(topic_root, reading)
        if reading.node % 5 == 1:
            return f"elsewhere/{topic}", payload
        if reading.node % 5 == 3 and self._before is not None:
            return self._before
        self._before = (topic, payload)
        return topic, payload


@pytest.mark.integration
def test_the_textbook_script_stores_each_message_once(postgres_dsn: str, broker: EmbeddedBroker) -> None:
    result = run_peer(PahoScript(), 400, postgres_dsn, broker, warm_up=20)
    assert (result["stored"], result["lost"], result["twice"]) == (400, 0, 0)
    assert result["messages_per_s"] > 0
    assert "paho-mqtt" in result["version"]


@pytest.mark.integration
def test_a_peer_that_loses_and_doubles_messages_is_found_out(postgres_dsn: str, broker: EmbeddedBroker) -> None:
    result = run_peer(HalfDeafScript(), 200, postgres_dsn, broker, warm_up=20, stalled_s=6.0)
    assert (result["stored"], result["lost"], result["twice"]) == (160, 80, 40)


@pytest.mark.integration
@pytest.mark.parametrize("peer", [find_collectd(), find_node_red(None)], ids=lambda peer: peer.name)
def test_an_installed_peer_stores_what_it_is_sent(
    peer: Peer | Missing, postgres_dsn: str, broker_with_v4: EmbeddedBroker
) -> None:
    if isinstance(peer, Missing):
        pytest.skip(f"{peer.reason}: {peer.install}")
    result = run_peer(peer, 200, postgres_dsn, broker_with_v4, warm_up=20)
    assert (result["stored"], result["lost"], result["twice"]) == (200, 0, 0)


def test_script_and_flow_get_the_row_an_edge_node_writes() -> None:
    flow = NodeRed("node", Path("/nowhere"), "1")
    for peer in (PahoScript(), flow):
        topic, payload = peer.message("root", READING)
        assert topic == "root/node-3"
        row = OBSERVATION.validate_json(payload)
        assert isinstance(row, TemperatureMeasured)
        assert (row.occurred_at, row.temperature_celsius) == (READING.occurred_at, 4.25)


def test_collectd_gets_the_same_reading_in_its_own_form() -> None:
    topic, payload = Collectd("collectd", "1").message("root", READING)
    assert topic == "root/node-3/probe-5/temperature"
    assert payload == b"1795323601.005003:4.25"


def test_the_flow_subscribes_below_its_root_with_quality_one(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path, "postgresql://u:p@127.0.0.1:1/d", "127.0.0.1", 1883, 0, "peer-1")
    process = NodeRed("node", Path("/nowhere"), "1").process(workplace)
    flow = {node["id"]: node for node in json.loads((tmp_path / "flows.json").read_text())}
    assert (flow["in"]["topic"], flow["in"]["qos"], flow["broker"]["port"]) == ("peer-1/#", "1", "1883")
    assert process.env["PEER_DSN"] == workplace.dsn
    assert "u:p" not in " ".join(process.argv) + (tmp_path / "settings.js").read_text()


def test_a_peer_that_is_not_installed_says_how_to_install_it(tmp_path: Path) -> None:
    found = find_node_red(tmp_path)
    assert isinstance(found, Missing)
    assert "npm install node-red pg" in found.install
    if shutil.which("node"):
        assert "no node-red and no pg" in found.reason


def test_a_node_red_directory_without_the_database_module_is_not_taken(tmp_path: Path) -> None:
    package = tmp_path / "node_modules" / "node-red"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"version": "4.1.0"}')
    found = find_node_red(tmp_path)
    assert isinstance(found, Missing)
    assert "node-red and no" not in found.reason
