"""Several gateways on one database: whoever gets a frame, every row is stored once and none is missing."""

import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest

from edge.contracts.ack import Ack
from edge.contracts.streams import Stream
from gateway.bootstrap import Gateway
from gateway.config import GatewayConfig, HttpConfig, MqttConfig
from gateway.ingest.subscriber import FILTERS, shared_filters
from gateway.ingest.transaction import Counts
from medtap.services.broker import EmbeddedBroker
from medtap.services.ports import free_port, wait_listening
from tests.gateway.edge_client import EdgeClient, eventually
from tests.gateway.ingest_kit import Node, encoded, reading

MOSQUITTO = Path("/usr/sbin/mosquitto")
FRAMES = 60


@dataclass(frozen=True)
class Broker:
    """Where one is."""

    host: str
    port: int


@pytest.fixture
def mosquitto() -> Iterator[Broker]:
    """Debian's mosquitto with a configuration of its own."""
    if not MOSQUITTO.exists():
        pytest.skip("mosquitto is not installed (Debian package mosquitto)")
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "mosquitto.conf"
        file.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nuser root\n")
        with subprocess.Popen([MOSQUITTO, "-c", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                assert wait_listening(port, 60.0)
                yield Broker("127.0.0.1", port)
            finally:
                process.terminate()


def _gateway(dsn: str, broker: Broker | EmbeddedBroker, group: str = "") -> Gateway:
    client_id = f"gateway-{secrets.token_hex(4)}"
    mqtt = MqttConfig(host=broker.host, port=broker.port, client_id=client_id, shared_group=group)
    gateway = Gateway(GatewayConfig(dsn=dsn, mqtt=mqtt, http=HttpConfig(port=0)))
    gateway.start()
    assert gateway.ingest is not None
    assert gateway.ingest.subscriber.wait_connected(60.0)
    return gateway


def _send_until_stored(edge: EdgeClient, node: Node, seed: int) -> None:
    """As a confused uplink would: everything after the mark, in any order, again and again."""
    now = datetime.now(UTC)
    rows = encoded([reading(4.0 + index / 100, at=now) for index in range(FRAMES)])
    frames = [
        node.rows(Stream.TELEMETRY, [row], first_seq=seq, at=datetime.now(UTC)) for seq, row in enumerate(rows, 1)
    ]
    order = random.Random(seed)  # noqa: S311 - a test's
    deadline = time.monotonic() + 120.0
    mark = 0
    while mark < FRAMES:
        assert time.monotonic() < deadline, f"stands at {mark} of {FRAMES}"
        some = frames[mark : mark + 20] + frames[max(0, mark - 3) : mark]
        order.shuffle(some)
        for frame in some:
            edge.send(frame)

        def beyond(ack: Ack, mark: int = mark) -> bool:
            return ack.mark > mark

        with suppress(AssertionError):  # it was answered as a gap: as an uplink does, send again
            mark = edge.wait_ack(beyond, timeout_s=1.0).mark


def _check_stored_once(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        seqs = [row[0] for row in connection.execute("SELECT seq FROM reading ORDER BY seq")]
        marks = [row[0] for row in connection.execute("SELECT mark FROM ingest_mark WHERE stream = 'telemetry'")]
    assert seqs == list(range(1, FRAMES + 1))
    assert marks == [FRAMES]


@pytest.mark.integration
def test_two_gateways_that_both_hear_everything_store_every_row_once(postgres_dsn: str, broker: EmbeddedBroker) -> None:
    node = Node(site=f"t{secrets.token_hex(4)}")
    gateways = [_gateway(postgres_dsn, broker) for _ in range(2)]
    edge = EdgeClient(broker.host, broker.port, node)
    try:
        _send_until_stored(edge, node, seed=1)
    finally:
        edge.close()
        for gateway in gateways:
            gateway.stop()
    _check_stored_once(postgres_dsn)


@pytest.mark.mosquitto_stack
def test_gateways_that_share_a_subscription_get_frames_out_of_order_and_store_every_row_once(
    postgres_dsn: str, mosquitto: Broker
) -> None:
    """Of one node's frames each gateway gets some, so that each meets gaps that only the other one's commits close."""
    node = Node(site=f"t{secrets.token_hex(4)}")
    gateways = [_gateway(postgres_dsn, mosquitto, group="hospital") for _ in range(3)]
    edge = EdgeClient(mosquitto.host, mosquitto.port, node)

    def counts() -> list[Counts]:
        return [gateway.ingest.counts for gateway in gateways if gateway.ingest is not None]

    def all_met_a_gap() -> bool:
        early = node.readings(reading(4.9, at=datetime.now(UTC)), first_seq=FRAMES, at=datetime.now(UTC))
        edge.send(early)
        return all(count.gap_frames > 0 for count in counts())

    try:
        eventually(all_met_a_gap)
        _send_until_stored(edge, node, seed=2)
        # Who commits counts a little later.
        eventually(lambda: sum(count.readings for count in counts()) == FRAMES)
    finally:
        edge.close()
        for gateway in gateways:
            gateway.stop()
    _check_stored_once(postgres_dsn)


@pytest.mark.integration
def test_a_gateway_in_a_process_of_its_own_may_be_killed_while_another_goes_on(
    postgres_dsn: str, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """It dies somewhere between a row and its acknowledgement, holding locks or not."""
    survivor = _gateway(postgres_dsn, broker)
    port = free_port()
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'dsn = "{postgres_dsn}"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        f'client_id = "killed-{secrets.token_hex(4)}"\n[http]\nport = {port}\n'
    )
    node = Node(site=f"t{secrets.token_hex(4)}")
    edge = EdgeClient(broker.host, broker.port, node)
    command = [sys.executable, "-m", "medtap", "gateway", "run", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as other:
        try:
            eventually(lambda: _healthy(port), timeout_s=120.0)
            killer = threading.Timer(0.3, other.kill)
            killer.start()
            _send_until_stored(edge, node, seed=3)
            killer.join()
        finally:
            other.kill()
            edge.close()
            survivor.stop()
    _check_stored_once(postgres_dsn)


def _healthy(port: int) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/health", trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def test_a_shared_group_shares_frames_and_hellos_but_not_the_retained_states() -> None:
    assert shared_filters("") == FILTERS
    assert shared_filters("hospital") == (
        "$share/hospital/medtap/v1/+/+/up/+",
        "medtap/v1/+/+/state",
        "$share/hospital/medtap/v1/+/+/hello",
    )
