"""`medtap bench ingest`: readings and messages a second, from frames in an outbox to committed and acknowledged.

Real parts, each a process of its own: broker, PostgreSQL, gateway, load. Beside the figures, in the same run, what the
same PostgreSQL takes of the same rows into the same table by binary COPY and nothing else.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import psutil
import psycopg

from gateway.db.bulk import COLUMNS, Reading, pack
from medtap.bench.ingest_load import LoadSpec, readings, write_spec
from medtap.bench.ingest_overload import Overload
from medtap.services.broker import EmbeddedBroker
from medtap.services.errors import ServiceError
from medtap.services.ports import free_port
from medtap.services.postgres import EmbeddedPostgres
from medtap.services.processes import ChildProcess

_NODES: Final = 10
_DEVICES_PER_NODE: Final = 10
_ROWS_PER_FRAME: Final = 400
"""As many readings as fit into a frame of 64 kB."""
_WARM_UP: Final = 5_000
_COPY_BLOCK_ROWS: Final = 20_000
_COPY_PIECE_BYTES: Final = 64 * 1024
_START_S: Final = 60.0
_COPY: Final = f"COPY reading ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)".encode()
_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER: Final = b"\xff\xff"
_TYPES: Final = ("timestamptz", "int4", "float8", "timestamptz", "timestamptz", "int4", "int8", "int4", "int8")


_Block = TypeVar("_Block")


@dataclass(frozen=True)
class IngestOptions:
    """What is measured."""

    readings: int = 400_000
    messages: int = 40_000
    dsn: str | None = None
    broker: str | None = None
    overload_s: int = 0
    """Offer five times what the database takes, for so many seconds; 0: not."""


def measure_ingest(options: IngestOptions) -> Mapping[str, Any]:
    """Send full frames, then messages of one reading each, and COPY the rows of the full frames before and after.

    Returns:
        `readings_per_s`; `copy_rows_per_s` (binary COPY of bytes packed beforehand, mean of before and after) and
        `ratio` to it; `copy_write_row_rows_per_s` (psycopg packs the rows) and `ratio_write_row`; `messages_per_s`;
        `gateway_rss_mb` (peak); `cpu_s` of each process while the full frames came, `single_cpu_s` while the single
        messages came; what was sent; and `overload`, if it was asked for.

    Raises:
        ServiceError: something did not come up, or rows are missing at the end.
    """
    with ExitStack() as parts:
        directory = Path(tempfile.mkdtemp(prefix="medtap-bench-"))
        parts.callback(shutil.rmtree, directory, ignore_errors=True)
        bench = _start(options, directory, parts)
        bench.run(nodes=_NODES, rows=_WARM_UP, rows_per_frame=50)
        full = bench.spec(nodes=_NODES, rows=options.readings, rows_per_frame=_ROWS_PER_FRAME)
        before = bench.copy(full)
        streamed = bench.send(full)
        after = bench.copy(full)
        single = bench.run(nodes=_NODES * 2, rows=options.messages, rows_per_frame=1)
        figures = _figures(streamed, single, (before, after), bench.gateway_peak_mb())
        if options.overload_s:
            overload = Overload(bench, options.overload_s, figures["messages_per_s"])
            figures = {**figures, "overload": overload.measure()}
        return figures


def _figures(
    streamed: Mapping[str, Any],
    single: Mapping[str, Any],
    copied: tuple["Copied", "Copied"],
    rss_mb: float,
) -> Mapping[str, Any]:
    readings_per_s = streamed["readings"] / streamed["took_s"]
    packed_per_s = _mean(*(each.packed_per_s for each in copied))
    write_row_per_s = _mean(*(each.write_row_per_s for each in copied))
    return {
        "readings_per_s": round(readings_per_s),
        "copy_rows_per_s": round(packed_per_s),
        "ratio": round(readings_per_s / packed_per_s, 3),
        "copy_write_row_rows_per_s": round(write_row_per_s),
        "ratio_write_row": round(readings_per_s / write_row_per_s, 3),
        "messages_per_s": round(single["readings"] / single["took_s"]),
        "gateway_rss_mb": round(rss_mb, 1),
        "readings": streamed["readings"],
        "rows_per_frame": _ROWS_PER_FRAME,
        "bytes_per_reading": round(streamed["bytes"] / streamed["readings"]),
        "single_messages": single["readings"],
        "nodes": _NODES,
        "devices": _NODES * _DEVICES_PER_NODE,
        "resent_frames": streamed["resent_frames"] + single["resent_frames"],
        "cpu_s": streamed["cpu"],
        "single_cpu_s": single["cpu"],
        "cores": os.cpu_count(),
    }


def _mean(before: float, after: float) -> float:
    """Of two speeds over the same way: the harmonic mean."""
    return 2 / (1 / before + 1 / after)


@dataclass(frozen=True)
class Copied:
    """What plain COPY does with the same rows, in rows a second."""

    packed_per_s: float
    """Bytes packed beforehand: what the server can take, and nothing else."""
    write_row_per_s: float
    """psycopg packs the rows on the way."""


class IngestBench:
    """The running parts."""

    def __init__(self, directory: Path, dsn: str, address: tuple[str, int], pids: Mapping[str, int]) -> None:
        self._directory = directory
        self._dsn = dsn
        self._address = address
        self._pids = pids

    def spec(self, *, nodes: int, rows: int, rows_per_frame: int) -> LoadSpec:
        """A load of a site of its own, so that every sequence number begins at 1."""
        per_node = max(1, rows // nodes)
        began_at = datetime.now(UTC) - timedelta(seconds=per_node / _DEVICES_PER_NODE + 60)
        return LoadSpec(
            *self._address,
            site=f"bench-{secrets.token_hex(4)}",
            nodes=nodes,
            devices_per_node=_DEVICES_PER_NODE,
            readings_per_node=per_node,
            rows_per_frame=rows_per_frame,
            window_frames=8 if rows_per_frame > 1 else 256,
            began_at=began_at.isoformat(),
        )

    def run(self, *, nodes: int, rows: int, rows_per_frame: int) -> Mapping[str, Any]:
        """Make and send a load."""
        return self.send(self.spec(nodes=nodes, rows=rows, rows_per_frame=rows_per_frame))

    def send(self, spec: LoadSpec) -> Mapping[str, Any]:
        """Send a load from a process of its own; what it measured, and the processor time of each part."""
        self._empty()
        file = self._directory / f"{spec.site}.json"
        write_spec(spec, file)
        before = {name: _cpu_s(pid) for name, pid in self._pids.items()}
        done = subprocess.run(  # noqa: S603 - this program's own module
            [sys.executable, "-m", "medtap.bench.ingest_load", str(file)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ServiceError(f"the load ended with {done.returncode}: {done.stderr.strip()[-800:]}")
        result: dict[str, Any] = json.loads(done.stdout)
        used = {name: round(_cpu_s(pid) - before[name], 2) for name, pid in self._pids.items()}
        self._check(spec)
        return {**result, "cpu": {**used, "load": round(result["cpu_s"], 2)}}

    @property
    def dsn(self) -> str:
        """The database."""
        return self._dsn

    def copy(self, spec: LoadSpec) -> Copied:
        """COPY the load's rows into the empty table, in transactions, in both ways."""
        now = datetime.now(UTC)
        rows = [
            (
                *(reading.occurred_at, reading.node * _DEVICES_PER_NODE + reading.device, reading.temperature_celsius),
                *(now, None, reading.node, reading.seq, reading.node, reading.monotonic_ns),
            )
            for node in range(spec.nodes)
            for reading in readings(spec, node)
        ]
        blocks = [rows[first : first + _COPY_BLOCK_ROWS] for first in range(0, len(rows), _COPY_BLOCK_ROWS)]
        packed = [_COPY_HEADER + pack(block) + _COPY_TRAILER for block in blocks]

        def write_packed(copy: psycopg.Copy, block: bytes) -> None:
            # In pieces that a socket takes: libpq moves what is left of a larger one at each partial send.
            for at in range(0, len(block), _COPY_PIECE_BYTES):
                copy.write(block[at : at + _COPY_PIECE_BYTES])

        def write_rows(copy: psycopg.Copy, block: Sequence[Reading]) -> None:
            copy.set_types(_TYPES)
            for row in block:
                copy.write_row(row)

        return Copied(len(rows) / self._copy_all(packed, write_packed), len(rows) / self._copy_all(blocks, write_rows))

    def _copy_all(self, blocks: Sequence[_Block], write: Callable[[psycopg.Copy, _Block], None]) -> float:
        """Seconds for all blocks, each a COPY and a transaction."""
        self._empty()
        with psycopg.connect(self._dsn) as connection:
            began = time.monotonic()
            for block in blocks:
                with connection.cursor().copy(_COPY) as copy:
                    write(copy, block)
                connection.commit()
            return time.monotonic() - began

    def gateway_peak_mb(self) -> float:
        """The gateway's largest resident size so far, in megabytes."""
        status = Path(f"/proc/{self._pids['gateway']}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def _empty(self) -> None:
        """The same table for each: truncated, and nothing left to write from before."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute("TRUNCATE reading")
            connection.execute("CHECKPOINT")

    def _check(self, spec: LoadSpec) -> None:
        with psycopg.connect(self._dsn) as connection:
            row = connection.execute("SELECT count(*), count(DISTINCT (epoch_key, seq)) FROM reading").fetchone()
        expected = spec.nodes * spec.readings_per_node
        if row is None or row != (expected, expected):
            raise ServiceError(f"of {expected} readings sent and acknowledged the table holds (all, different) {row}")


def _start(options: IngestOptions, directory: Path, parts: ExitStack) -> IngestBench:
    pids: dict[str, int] = {}
    dsn = options.dsn
    if dsn is None:
        postgres = EmbeddedPostgres()
        parts.callback(postgres.stop)
        postgres.start()
        pids["postgres"] = postgres.pid
        dsn = postgres.create_database()
    if options.broker is None:
        broker = EmbeddedBroker()
        parts.callback(broker.stop)
        broker.start()
        pids["broker"] = broker.pid
        address = (broker.host, broker.port)
    else:
        host, _, port = options.broker.rpartition(":")
        address = (host, int(port))
    gateway = parts.enter_context(_gateway(directory, dsn, address))
    pids["gateway"] = gateway.pid
    return IngestBench(directory, dsn, address, pids)


@contextmanager
def _gateway(directory: Path, dsn: str, address: tuple[str, int]) -> Iterator[ChildProcess]:
    """A gateway of this program, from its configuration file, as a process."""
    port = free_port()
    config = directory / "gateway.toml"
    config.write_text(
        f"dsn = {json.dumps(dsn)}\n[mqtt]\nhost = {json.dumps(address[0])}\nport = {address[1]}\n"
        f'client_id = "bench-{secrets.token_hex(6)}"\n[http]\nport = {port}\n'
    )
    argv = [sys.executable, "-m", "medtap", "gateway", "run", str(config), "--log-level", "warning"]
    process = ChildProcess(argv, log_file=directory / "gateway.log")
    process.start()
    try:
        deadline = time.monotonic() + _START_S
        while not _healthy(port):
            if time.monotonic() > deadline or not process.running:
                raise ServiceError(f"the gateway did not come up: {process.last_words()}")
            time.sleep(0.05)
        yield process
    finally:
        process.stop()


def _healthy(port: int) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/health", trust_env=False, timeout=2.0)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def _cpu_s(pid: int) -> float:
    """Processor time of a process, its threads and its children, those that ended included, in seconds."""
    process = psutil.Process(pid)
    ended = process.cpu_times()
    total = ended.children_user + ended.children_system
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system
    return float(total)
