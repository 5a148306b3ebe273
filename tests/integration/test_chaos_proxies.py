"""The fault proxies do what their names say, against a real PostgreSQL, a real broker and plain sockets."""

import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import paho.mqtt.client as mqtt
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.send_window import WindowLimits
from firmware_sim.loop_thread import LoopThread
from medtap.chaos.broker import ChaosBroker
from medtap.chaos.commit_cutter import CommitCutter, CommitFilter
from medtap.chaos.fault_proxy import ConnectionFilter, FaultProxy, PassAll
from medtap.chaos.faults import Fault
from medtap.chaos.frame_faults import FrameFaults, FrameFilter
from medtap.chaos.mqtt_packets import PacketSplitter, read_publish
from medtap.chaos.network_namespace import NetworkNamespace, can_make_one
from medtap.services.broker import EmbeddedBroker

pytestmark = pytest.mark.integration

UP = "medtap/v1/proxies/node-1/up/events"


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """The proxies' thread."""
    running = LoopThread("test-proxies")
    yield running
    running.stop()


@pytest.fixture
def proxied(loop: LoopThread) -> Iterator[Callable[..., FaultProxy]]:
    """Makes proxies, and closes them."""
    made: list[FaultProxy] = []

    def make(
        port: int, make_filter: Callable[[], ConnectionFilter] = PassAll, listen_on: str = "127.0.0.1"
    ) -> FaultProxy:
        made.append(FaultProxy(loop, "127.0.0.1", port, make_filter, listen_on=listen_on))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture
def ingest_dsn(postgres_dsn: str) -> str:
    """A database with a table of the name that the cutter looks for."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE ingest_mark (mark bigint)")
        connection.execute("CREATE TABLE other (mark bigint)")
    return postgres_dsn


def _through(proxy: FaultProxy, dsn: str) -> str:
    address, database = dsn.rsplit("/", 1)
    return f"{address.rsplit(':', 1)[0]}:{proxy.port}/{database}?sslmode=disable&gssencmode=disable"


def _port(dsn: str) -> int:
    return int(dsn.rsplit("/", 1)[0].rsplit(":", 1)[1])


@pytest.mark.parametrize("runs_before", [0, 8], ids=["first run", "server-prepared statement"])
def test_a_commit_of_the_ingest_is_cut_after_it_happened_and_before_it_is_answered(
    proxied: Callable[..., FaultProxy], ingest_dsn: str, runs_before: int
) -> None:
    cutter = CommitCutter()
    proxy = proxied(_port(ingest_dsn), lambda: CommitFilter(cutter))
    connection = psycopg.connect(_through(proxy, ingest_dsn))
    for number in range(runs_before):
        connection.execute("INSERT INTO ingest_mark VALUES (%s)", [number])
        connection.commit()
    cutter.armed = True
    connection.execute("INSERT INTO ingest_mark VALUES (%s)", [4711])
    with pytest.raises(psycopg.OperationalError):
        connection.commit()
    connection.close()
    assert (cutter.cuts, cutter.armed) == (1, False)
    with psycopg.connect(ingest_dsn) as direct:
        assert direct.execute("SELECT count(*) FROM ingest_mark WHERE mark = 4711").fetchone() == (1,)


def test_other_commits_and_rollbacks_pass_while_the_cutter_waits_for_the_ingest(
    proxied: Callable[..., FaultProxy], ingest_dsn: str
) -> None:
    cutter = CommitCutter()
    proxy = proxied(_port(ingest_dsn), lambda: CommitFilter(cutter))
    cutter.armed = True
    with psycopg.connect(_through(proxy, ingest_dsn)) as connection:
        connection.execute("INSERT INTO other VALUES (1)")
        connection.commit()
        connection.execute("INSERT INTO ingest_mark VALUES (1)")
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM other").fetchone() == (1,)
    assert (cutter.cuts, cutter.armed) == (0, True)


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says everything back; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection:
                while data := connection.recv(1000):
                    connection.sendall(data)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_partition_holds_everything_without_a_word_and_lets_it_pass_when_it_is_over(
    proxied: Callable[..., FaultProxy], echo: int
) -> None:
    proxy = proxied(echo)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
        client.sendall(b"before")
        assert client.recv(100) == b"before"
        proxy.freeze()
        client.sendall(b"during")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(100)
        client.settimeout(5)
        proxy.thaw()
        assert client.recv(100) == b"during"


def test_a_half_open_connection_stays_silent_for_ever_while_a_new_one_works(
    proxied: Callable[..., FaultProxy], echo: int
) -> None:
    proxy = proxied(echo)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as old:
        old.sendall(b"hello")
        assert old.recv(100) == b"hello"
        proxy.freeze()
        proxy.bury()
        proxy.thaw()
        old.sendall(b"anyone?")
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as new:
            new.sendall(b"hello")
            assert new.recv(100) == b"hello"
        old.settimeout(0.2)
        with pytest.raises(TimeoutError):
            old.recv(100)


def _client(port: int, name: str, connected: threading.Event, *, manual_ack: bool = False) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5, manual_ack=manual_ack)
    client.on_connect = lambda *_: connected.set()
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)
    client.loop_start()
    assert connected.wait(10)
    return client


def _end(*clients: mqtt.Client) -> None:
    for client in clients:
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def frames_between(proxied: Callable[..., FaultProxy], broker: EmbeddedBroker) -> Callable[..., list[bytes]]:
    """Publishes payloads and returns what a subscriber behind the frame faults gets."""
    faults = FrameFaults(seed=1)
    proxy = proxied(broker.port, lambda: FrameFilter(faults))

    def send(payloads: list[bytes], *active: Fault, enough: Callable[[list[bytes]], bool]) -> list[bytes]:
        came: Queue[bytes] = Queue()
        subscribed = threading.Event()
        subscriber = _client(proxy.port, f"frames-sub-{time.monotonic_ns()}", threading.Event())
        subscriber.on_message = lambda _client, _data, message: came.put(bytes(message.payload))
        subscriber.on_subscribe = lambda *_: subscribed.set()
        subscriber.subscribe(UP, qos=1)
        assert subscribed.wait(10)
        faults.active = set(active)
        publisher = _client(broker.port, f"frames-pub-{time.monotonic_ns()}", threading.Event())
        for payload in payloads:
            publisher.publish(UP, payload, qos=1).wait_for_publish(10)
        got: list[bytes] = []
        deadline = time.monotonic() + 10
        while not enough(got) and time.monotonic() < deadline:
            try:
                got.append(came.get(timeout=0.2))
            except Empty:
                continue
        faults.active = set()
        _end(subscriber, publisher)
        assert sum(faults.hit.values()) > 0
        return got

    return send


PAYLOADS = [f'{{"number":{number:04d}}}'.encode() for number in range(40)]


def test_frames_come_twice_and_the_broker_hears_of_one(frames_between: Callable[..., list[bytes]]) -> None:
    got = frames_between(PAYLOADS, Fault.DUPLICATE_FRAMES, enough=lambda got: PAYLOADS[-1] in got)
    assert set(got) == set(PAYLOADS)
    assert len(got) > len(PAYLOADS)
    assert all(got.count(payload) <= 2 for payload in PAYLOADS)


def test_frames_come_in_another_order_and_none_is_lost_but_a_last_one_that_waits(
    frames_between: Callable[..., list[bytes]],
) -> None:
    got = frames_between(PAYLOADS, Fault.REORDER_FRAMES, enough=lambda got: len(got) >= len(PAYLOADS) - 1)
    assert len(set(got)) == len(got) >= len(PAYLOADS) - 1
    assert got != sorted(got)


def test_frames_come_with_a_flipped_bit(frames_between: Callable[..., list[bytes]]) -> None:
    got = frames_between(PAYLOADS, Fault.CORRUPT_FRAMES, enough=lambda got: len(got) >= len(PAYLOADS))
    spoiled = [(was, came) for was, came in zip(PAYLOADS, got, strict=True) if was != came]
    assert spoiled
    for was, came in spoiled:
        assert (int.from_bytes(was) ^ int.from_bytes(came)).bit_count() == 1


@pytest.mark.parametrize("word", ["down/ack", "hello"])
def test_answers_and_questions_have_a_bit_flipped_too(word: str) -> None:
    faults = FrameFaults(seed=1)
    faults.active = {Fault.CORRUPT_FRAMES}
    passing = FrameFilter(faults)
    topic = f"medtap/v1/demo/node-1/{word}".encode()
    body = len(topic).to_bytes(2) + topic + b"\0" + b"x" * 50
    whole = bytes((0x30, len(body))) + body  # QoS 0, no properties
    through = passing.from_client if word == "down/ack" else passing.from_server
    came = [through(whole) for _ in range(40)]
    spoiled = [each for each in came if each != whole]
    assert 0 < len(spoiled) == faults.hit[Fault.CORRUPT_FRAMES] < len(came)
    for each in spoiled:
        assert each[:-50] == whole[:-50]
        assert (int.from_bytes(each) ^ int.from_bytes(whole)).bit_count() == 1


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_packets_are_found_in_a_stream_however_it_is_cut(chunk: int) -> None:
    # QoS 1, topic "a/b", identifier 7, no properties, payload of 300 bytes: a remaining length of two bytes.
    body = b"\0\3a/b" + b"\0\7" + b"\0" + b"x" * 300
    publish = b"\x32" + bytes((len(body) & 0x7F | 0x80, len(body) >> 7)) + body
    stream = b"\xd0\x00" + publish + b"\xd0\x00"
    splitter = PacketSplitter()
    packets = [packet for at in range(0, len(stream), chunk) for packet in splitter.feed(stream[at : at + chunk])]
    assert packets == [b"\xd0\x00", publish, b"\xd0\x00"]
    found = read_publish(publish)
    assert (found.topic, found.packet_id, found.packet[found.payload_at :]) == ("a/b", 7, b"x" * 300)


def test_the_tiny_broker_really_drops_what_an_absent_subscriber_does_not_fetch(tmp_path: Path) -> None:
    broker = ChaosBroker(tmp_path, tiny=True)
    broker.start()
    try:
        subscriber = _client(broker.port, "overflow-sub", threading.Event())
        subscribed = threading.Event()
        subscriber.on_subscribe = lambda *_: subscribed.set()
        subscriber.subscribe(UP, qos=1)
        assert subscribed.wait(10)
        _end(subscriber)
        publisher = _client(broker.port, "overflow-pub", threading.Event())
        # No more than what one stream sends ahead of the acknowledgements, in frames of a dozen readings.
        frames = WindowLimits().frames_in_flight_max
        payloads = [f"{number:04d}".encode() + b"." * 1500 for number in range(frames)]
        for payload in payloads:
            publisher.publish(UP, payload, qos=1).wait_for_publish(10)
        came: Queue[bytes] = Queue()
        again = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="overflow-sub", protocol=mqtt.MQTTv5)
        again.on_message = lambda _client, _data, message: came.put(bytes(message.payload))
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        again.connect("127.0.0.1", broker.port, clean_start=False, properties=properties)
        again.loop_start()
        again.subscribe(UP, qos=1)
        publisher.publish(UP, b"last", qos=1).wait_for_publish(10)
        got: list[bytes] = []
        while not got or got[-1] != b"last":
            got.append(came.get(timeout=10))
        _end(again, publisher)
    finally:
        broker.stop()
    assert 0 < len(got) - 1 < len(payloads)


@pytest.mark.skipif(not can_make_one(), reason="needs root and network namespaces")
def test_a_pulled_cable_tells_nobody_and_a_plugged_one_goes_on(proxied: Callable[..., FaultProxy], echo: int) -> None:
    network = NetworkNamespace(1)
    try:
        proxy = proxied(echo, listen_on=network.host)
        talk = (
            "import socket, sys\n"
            f"s = socket.create_connection(({network.host!r}, {proxy.port}), timeout=30)\n"
            "for line in sys.stdin:\n"
            "    s.sendall(line.encode())\n"
            "    print(s.recv(100).decode(), end='', flush=True)\n"
        )
        with subprocess.Popen(
            [*network.command, sys.executable, "-c", talk], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as inside:
            assert inside.stdin is not None
            assert inside.stdout is not None
            print("before", file=inside.stdin, flush=True)
            assert inside.stdout.readline() == "before\n"
            network.pull()
            print("during", file=inside.stdin, flush=True)
            assert not select.select([inside.stdout], [], [], 0.3)[0]
            assert inside.poll() is None
            network.plug()
            assert inside.stdout.readline() == "during\n"
            inside.stdin.close()
            assert inside.wait(10) == 0
    finally:
        network.close()
