"""The whole gateway in one process, on a real database and a real broker."""

import secrets
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from edge.contracts.streams import Stream
from gateway.bootstrap import Gateway
from gateway.config import GatewayConfig, HttpConfig, MqttConfig
from gateway.errors import ConfigError, StartError
from medtap.services.broker import EmbeddedBroker
from medtap.services.ports import ReservedPort
from tests.gateway.edge_client import EdgeClient
from tests.gateway.ingest_kit import Node, reading

pytestmark = pytest.mark.integration


def _config(dsn: str, broker: EmbeddedBroker) -> GatewayConfig:
    client_id = f"gateway-{secrets.token_hex(4)}"
    mqtt = MqttConfig(host=broker.host, port=broker.port, client_id=client_id)
    return GatewayConfig(dsn=dsn, mqtt=mqtt, http=HttpConfig(port=0))


@pytest.fixture
def node() -> Node:
    """A node that no other test knows: the broker is shared."""
    return Node(site=f"t{secrets.token_hex(4)}")


@pytest.fixture
def edge(broker: EmbeddedBroker, node: Node) -> Iterator[EdgeClient]:
    """Its MQTT session."""
    client = EdgeClient(broker.host, broker.port, node)
    yield client
    client.close()


def test_a_started_gateway_answers_over_http_and_acknowledges_over_mqtt(
    postgres_dsn: str, broker: EmbeddedBroker, node: Node, edge: EdgeClient
) -> None:
    gateway = Gateway(_config(postgres_dsn, broker))
    try:
        link = gateway.start()
        assert link is not None
        assert link.startswith(f"{gateway.http_url}/")
        assert httpx.get(f"{gateway.http_url}/api/v1/health", trust_env=False).status_code == httpx.codes.OK
        assert gateway.ingest is not None
        assert gateway.ingest.subscriber.wait_connected(60.0)
        now = datetime.now(UTC)
        edge.send(node.readings(reading(4.5, at=now), at=now))
        ack = edge.wait_ack(lambda ack: ack.stream is Stream.TELEMETRY)
        assert (ack.epoch, ack.mark) == (node.epoch, 1)
        assert ack.answers_sent_at == now
        assert gateway.ingest.counts.readings == 1
    finally:
        gateway.stop()


def test_a_gateway_stopped_and_started_again_knows_its_accounts_and_marks(
    postgres_dsn: str, broker: EmbeddedBroker, node: Node, edge: EdgeClient
) -> None:
    config = _config(postgres_dsn, broker)
    now = datetime.now(UTC)
    first = Gateway(config)
    first.start()
    try:
        assert first.ingest is not None
        assert first.ingest.subscriber.wait_connected(60.0)
        edge.send(node.readings(reading(4.5, at=now), at=now))
        edge.wait_ack(lambda ack: ack.mark == 1)
    finally:
        first.stop()
    # Sent while no gateway is there: the broker keeps it for the session.
    edge.send(node.readings(reading(4.6, at=now), at=now))
    second = Gateway(config)
    second.start()
    try:
        edge.wait_ack(lambda ack: ack.mark == 2)
    finally:
        second.stop()


def test_a_database_that_is_not_there_is_named_with_the_mend(broker: EmbeddedBroker) -> None:
    nobody = ReservedPort()
    gateway = Gateway(_config(f"postgresql://medtap@127.0.0.1:{nobody.number}/medtap", broker))
    with pytest.raises(StartError, match=r"the database can't be used.*; start the server, or correct host and port"):
        gateway.start()


def test_a_taken_http_port_is_refused_before_anything_starts(postgres_dsn: str, broker: EmbeddedBroker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = _config(postgres_dsn, broker).model_copy(update={"http": HttpConfig(port=port)})
        with pytest.raises(ConfigError, match=f"can't listen on 127.0.0.1:{port}"):
            Gateway(config).start()


def test_a_trust_anchor_that_is_none_is_refused(postgres_dsn: str, broker: EmbeddedBroker, tmp_path: Path) -> None:
    file = tmp_path / "card-ca.pem"
    file.write_text("not a certificate")
    config = _config(postgres_dsn, broker).model_copy(update={"trust_anchor_files": (file,)})
    with pytest.raises(ConfigError, match=r"trust_anchor_files: got '.*card-ca\.pem'"):
        Gateway(config).start()
