"""`medtap bench alarm`: from the reading that matures a condition to the page in the channel's hands.

Real parts, each a process of its own: broker, PostgreSQL, gateway, the load of 200,000 sensors that report once a
minute (stored; they stand nowhere with limits), and a channel (a web hook, here). Each trial is its own fridge: its
readings are outside for a little less than the rule's time; then one more is published, and the time runs until the
page is posted. Beside it what nobody can be faster than: one message through the same broker, one commit, one POST.
"""

import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

import httpx
import psycopg

from edge.contracts import topics
from edge.contracts.frame import FrameHeader, encode_frame
from edge.contracts.observations import OBSERVATION, TemperatureMeasured
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender
from gateway.services.site_file import import_site, parse_site
from medtap.bench.ingest_load import BOOT_ID, LoadSpec, write_spec
from medtap.bench.mqtt_load import LoadClient
from medtap.bench.percentiles import percentile
from medtap.demo.webhook_receiver import WebhookReceiver
from medtap.services.broker import EmbeddedBroker
from medtap.services.errors import ServiceError
from medtap.services.ports import free_port
from medtap.services.postgres import EmbeddedPostgres
from medtap.services.processes import ChildProcess

_ALARM_AFTER_S: Final = 60
_LIMIT_CELSIUS: Final = 8.0
_OUTSIDE_CELSIUS: Final = 9.5
_WAIT_S: Final = 60.0
_START_S: Final = 60.0
_NODES: Final = 20
_ROWS_PER_FRAME: Final = 50
_BEFORE: Final = 6
_PAUSE_S: Final = 0.25
_LOAD_S: Final = 240
"""Frames are made beforehand: so many seconds of them."""


@dataclass(frozen=True)
class AlarmOptions:
    """What is measured."""

    alarms: int = 60
    sensors_per_minute: int = 200_000
    """Readings a minute of other sensors meanwhile; 0: none."""


def measure_alarms(options: AlarmOptions) -> Mapping[str, Any]:
    """Let fridges become too warm, one after the other, under load.

    Returns:
        `n`, `p50_ms`, `p99_ms`, `max_ms`; `raw_p50_ms` (broker, commit and POST alone, one after the other, under the
        same load); `load_asked_per_s` and `load_stored_per_s`, readings of the other sensors; `cores`.

    Raises:
        ServiceError: something did not come up, or a page did not come in a minute.
    """
    with ExitStack() as parts:
        directory = Path(tempfile.mkdtemp(prefix="medtap-bench-"))
        parts.callback(shutil.rmtree, directory, ignore_errors=True)
        receiver = parts.enter_context(WebhookReceiver())
        bench = _start(options, directory, receiver, parts)
        with _Load(bench, options.sensors_per_minute) as load:
            load.wait_running()
            before, began = bench.stored(), time.monotonic()
            took = [bench.alarm(number) for number in range(options.alarms)]
            stored_per_s = (bench.stored() - before) / (time.monotonic() - began)
            raw = [bench.raw() for _ in range(options.alarms)]
    return {
        "n": len(took),
        "p50_ms": round(percentile(took, 0.5) * 1000, 1),
        "p99_ms": round(percentile(took, 0.99) * 1000, 1),
        "max_ms": round(max(took) * 1000, 1),
        "raw_p50_ms": round(statistics.median(raw) * 1000, 1),
        "load_asked_per_s": round(options.sensors_per_minute / 60),
        "load_stored_per_s": round(stored_per_s),
        "cores": os.cpu_count(),
    }


class AlarmBench:
    """The running parts."""

    def __init__(self, dsn: str, address: tuple[str, int], receiver: WebhookReceiver, directory: Path) -> None:
        self.dsn = dsn
        self.address = address
        self.directory = directory
        self._receiver = receiver
        self._client = LoadClient(*address, "alarm-bench")
        self._echo = f"echo/{secrets.token_hex(4)}"
        self._client.subscribe(self._echo)
        self._database = psycopg.connect(dsn, autocommit=True)
        self._database.execute("CREATE TABLE bench_commit (number integer)")
        self._http = httpx.Client(trust_env=False, timeout=_WAIT_S)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()
        self._database.close()
        self._client.close()

    def stored(self) -> int:
        """Readings so far, by the ingest's own marks: counting rows would be a load of its own."""
        row = self._database.execute("SELECT coalesce(sum(mark), 0) FROM ingest_mark").fetchone()
        return 0 if row is None else int(row[0])

    def alarm(self, number: int) -> float:
        """One fridge; seconds from the maturing reading to its page."""
        sender = Sender("bench-alarm", f"node-{number}")
        began_at = datetime.now(UTC) - timedelta(seconds=_ALARM_AFTER_S)
        step_s = (_ALARM_AFTER_S - 1) / (_BEFORE - 1)
        times = [began_at + timedelta(seconds=step_s * index) for index in range(_BEFORE)]
        self._publish(sender, number, times, first_seq=1)
        self._until(lambda: self._mark(sender) == _BEFORE, f"the readings of fridge {number} were not stored")
        time.sleep(_PAUSE_S)
        matures_at = began_at + timedelta(seconds=_ALARM_AFTER_S)
        started = time.monotonic()
        self._publish(sender, number, [matures_at], first_seq=_BEFORE + 1)
        self._until(
            lambda: any(call.get("place_id") == f"fridge-{number}" for call in self._receiver.calls),
            f"the page of fridge {number} did not come",
        )
        return time.monotonic() - started

    def raw(self) -> float:
        """Seconds of one message through the broker, one commit and one POST, one after the other."""
        started = time.monotonic()
        self._client.publish(self._echo.encode(), b"1")
        deadline = started + _WAIT_S
        while not any(topic == self._echo for topic, _ in self._client.exchange(0.001)):
            if time.monotonic() > deadline:
                raise ServiceError("the broker did not give the message back")
        self._database.execute("INSERT INTO bench_commit VALUES (1)")
        self._http.post(self._receiver.url, json={"raw": True})
        return time.monotonic() - started

    def _publish(self, sender: Sender, number: int, times: list[datetime], *, first_seq: int) -> None:
        rows = [
            OBSERVATION.dump_json(
                TemperatureMeasured(
                    device_id="probe",
                    occurred_at=at,
                    monotonic_ns=index + first_seq,
                    temperature_celsius=_OUTSIDE_CELSIUS,
                )
            )
            for index, at in enumerate(times)
        ]
        header = FrameHeader(
            site=sender.site,
            edge_node=sender.edge_node,
            stream=Stream.TELEMETRY,
            epoch=f"{number + 1:016x}",
            boot_id=BOOT_ID,
            first_seq=first_seq,
            sent_at=datetime.now(UTC),
        )
        self._client.publish(topics.up(sender, Stream.TELEMETRY).encode(), encode_frame(header, rows))

    def _mark(self, sender: Sender) -> int:
        row = self._database.execute(
            "SELECT mark FROM ingest_mark WHERE site = %s AND edge_node = %s AND stream = 'telemetry'",
            (sender.site, sender.edge_node),
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _until(self, is_so: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + _WAIT_S
        while not is_so():
            if time.monotonic() > deadline:
                raise ServiceError(otherwise)
            with suppress(KeyError):
                list(self._client.exchange(0.001))


class _Load:
    """The other sensors, in a process of its own, as long as the block lasts."""

    def __init__(self, bench: AlarmBench, per_minute: int) -> None:
        self._bench = bench
        self._per_s = per_minute / 60
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Begin, with enough for four minutes."""
        if self._per_s:
            spec = LoadSpec(
                *self._bench.address,
                site=f"load-{secrets.token_hex(4)}",
                nodes=_NODES,
                devices_per_node=10,
                readings_per_node=round(self._per_s * _LOAD_S / _NODES),
                rows_per_frame=_ROWS_PER_FRAME,
                window_frames=8,
                began_at=(datetime.now(UTC) - timedelta(hours=2)).isoformat(),
            )
            spec = replace(spec, rate_per_s=self._per_s)
            file = self._bench.directory / "load.json"
            write_spec(spec, file)
            command = [sys.executable, "-m", "medtap.bench.ingest_load", str(file)]
            self._process = subprocess.Popen(  # noqa: S603 - this program's own module
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        return self

    def wait_running(self) -> None:
        """Until its rows come in."""
        deadline = time.monotonic() + _START_S
        while self._process is not None and self._bench.stored() < self._per_s * 2:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise ServiceError("the load did not begin")
            time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        """End it: what it has not sent yet is of no interest."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


def _start(options: AlarmOptions, directory: Path, receiver: WebhookReceiver, parts: ExitStack) -> AlarmBench:
    postgres = EmbeddedPostgres()
    parts.callback(postgres.stop)
    postgres.start()
    dsn = postgres.create_database()
    broker = EmbeddedBroker()
    parts.callback(broker.stop)
    broker.start()
    port = free_port()
    config = directory / "gateway.toml"
    config.write_text(
        f'dsn = {json.dumps(dsn)}\nwebhook_url = "{receiver.url}"\n[mqtt]\nhost = {json.dumps(broker.host)}\n'
        f'port = {broker.port}\nclient_id = "bench-alarm"\n[http]\nport = {port}\n'
    )
    argv = [sys.executable, "-m", "medtap", "gateway", "run", str(config), "--log-level", "warning"]
    gateway = ChildProcess(argv, log_file=directory / "gateway.log")
    parts.callback(gateway.stop)
    gateway.start()
    _wait_healthy(port, gateway)
    bench = AlarmBench(dsn, (broker.host, broker.port), receiver, directory)
    parts.callback(bench.close)
    with psycopg.connect(dsn) as connection:
        import_site(connection, parse_site(_site(options.alarms)))
    return bench


def _wait_healthy(port: int, gateway: ChildProcess) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        with suppress(httpx.HTTPError):
            answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/health", trust_env=False, timeout=2.0)
            if answer.status_code == httpx.codes.OK:
                return
        if time.monotonic() > deadline or not gateway.running:
            raise ServiceError(f"the gateway did not come up: {gateway.last_words()}")
        time.sleep(0.05)


def _site(alarms: int) -> dict[str, Any]:
    """A fridge for each alarm, with a thermometer of a node of its own."""
    places: list[dict[str, Any]] = [{"place_id": "site", "kind": "site", "name_vi": "Bệnh viện", "name_en": "Hospital"}]
    places += [
        {
            "place_id": f"fridge-{number}",
            "parent_place_id": "site",
            "kind": "fridge",
            "name_vi": f"Tủ {number}",
            "name_en": f"Fridge {number}",
            "temperature_low_celsius": 2.0,
            "temperature_high_celsius": _LIMIT_CELSIUS,
            "alarm_after_s": _ALARM_AFTER_S,
        }
        for number in range(alarms)
    ]
    devices = [
        {"site": "bench-alarm", "edge_node": f"node-{number}", "device_id": "probe", "place_id": f"fridge-{number}"}
        for number in range(alarms)
    ]
    return {"places": places, "devices": devices, "products": []}
