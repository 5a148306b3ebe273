"""`medtap bench tap`: from the card's arrival at the simulated reader to the clerk's browser.

Three instants of each tap, on the one monotonic clock of this machine:
the card is in the field (the simulator says when), the row is committed (PostgreSQL's NOTIFY comes at commit), and the
event has left the SSE endpoint (this process reads it as a browser would). Beside them, in the same run, what the
machine does without medtap: one durable commit, one message through the same broker.
"""

import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from medtap.bench.card_verification import measure_verification
from medtap.bench.percentiles import percentile, summary_ms
from medtap.bench.raw_limits import broker_echo_times_s, commit_times_s
from medtap.bench.tap_desk import BenchDesk, TimedCard, bench_desk, fleet_load
from medtap.demo.hospital import HospitalOptions, SimulatedHospital
from medtap.demo.site_plan import DESK
from medtap.services.broker import EmbeddedBroker
from medtap.services.errors import ServiceError
from medtap.services.postgres import EmbeddedPostgres

_TAP_TIMEOUT_S: Final = 10.0
_WARM_UP_TAPS: Final = 3
"""Left out of the figures: first use of a connection, a template, a certificate."""
_RAW_SAMPLES: Final = 200
_NEWEST_TAP: Final = re.compile(r'data-epoch-key="\d+" data-seq="\d+"')
"""Which tap the fragment of the newest tap shows."""


def measure_taps(
    *, taps: int, seed: int, dsn: str | None, broker: str | None, fleet: int = 0, series: int = 0
) -> Mapping[str, Any]:
    """Tap `taps` cards, one after the other, and report percentiles in milliseconds.

    Args:
        taps: of the hospital's own desk.
        seed: of the simulated hospital.
        dsn: an empty database; None: an embedded one.
        broker: `host:port`; None: an embedded one.
        fleet: so many edge nodes send ten readings a second each meanwhile.
        series: then so many taps with each profile over each transport; 0: none.

    Returns:
        `n`, `p50_ms`, `p95_ms`, `p99_ms` (arrival to SSE), the same `beyond_poll_` (counted from the moment the reader
        first answered with the card), `commit_` (arrival to commit), `reader_poll_ms` (the reader's own: arrival to its
        first answer, median), `edge_rss_mb`, `gateway_rss_mb`, `raw_commit_p50_ms`, `raw_broker_echo_p50_ms`,
        `profiles` (what the reader side spends on a card of each profile: see `medtap.bench.card_verification`; and
        under `tap_nfc` and `tap_pcsc` its taps to the screen, `beyond_poll_` from the card's first command on).

    Raises:
        ServiceError: something did not come up, or a tap did not arrive within ten seconds.
    """
    directory = Path(tempfile.mkdtemp(prefix="medtap-bench-"))
    # Services of the benchmark's own, so that the raw limits are measured on the very same ones.
    postgres = None if dsn else EmbeddedPostgres()
    embedded = None if broker else EmbeddedBroker()
    hospital: SimulatedHospital | None = None
    try:
        if postgres is not None:
            postgres.start()
            dsn = postgres.create_database()
        if embedded is not None:
            embedded.start()
        address = (embedded.host, embedded.port) if embedded is not None else _address(broker or "")
        options = HospitalOptions(directory, seed=seed, autoplay=False, dsn=dsn, broker=address)
        hospital = SimulatedHospital(options)
        hospital.start()
        with fleet_load(hospital, directory, fleet), _watching(hospital) as watch:
            figures = _tap_all(hospital, watch, taps)
            by_profile = _tap_profiles(hospital, watch, directory, series) if series else {}
        raw_commit = commit_times_s(hospital.dsn, _RAW_SAMPLES)
        raw_echo = broker_echo_times_s(*address, _RAW_SAMPLES)
    finally:
        if hospital is not None:
            hospital.stop()
        if embedded is not None:
            embedded.stop()
        if postgres is not None:
            postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return {
        **figures,
        "raw_commit_p50_ms": round(percentile(raw_commit, 0.5) * 1000, 2),
        "raw_broker_echo_p50_ms": round(percentile(raw_echo, 0.5) * 1000, 2),
        "fleet_nodes": fleet,
        "profiles": {name: {**found, **by_profile.get(name, {})} for name, found in measure_verification().items()},
    }


def _tap_profiles(
    hospital: SimulatedHospital, watch: "_Watch", directory: Path, taps: int
) -> dict[str, dict[str, Any]]:
    """Taps of each profile over each transport, at a desk of the benchmark's own."""
    figures: dict[str, dict[str, Any]] = {}
    with bench_desk(hospital, directory) as desk:
        for profile, cards in desk.cards.items():
            figures[profile] = {
                f"tap_{transport}": _tap_series(desk, watch, transport, cards, taps) for transport in desk.transports
            }
    return figures


def _tap_series(
    desk: BenchDesk, watch: "_Watch", transport: str, cards: Sequence[TimedCard], taps: int
) -> dict[str, Any]:
    to_screen: list[float] = []
    beyond_poll: list[float] = []
    for number in range(taps + _WARM_UP_TAPS):
        card = cards[number % len(cards)]
        watch.expect_tap()
        arrived = desk.put(transport, card)
        _, shown = watch.wait()
        watch.expect_removal()
        desk.take(transport)
        watch.wait_removed()
        if number >= _WARM_UP_TAPS:
            to_screen.append(shown - arrived)
            beyond_poll.append(shown - card.first_command_s)
    return {"n": len(to_screen), **summary_ms("", to_screen), **summary_ms("beyond_poll", beyond_poll)}


def _tap_all(hospital: SimulatedHospital, watch: "_Watch", taps: int) -> dict[str, Any]:
    patients = len(hospital.world["patients"])
    to_screen: list[float] = []
    to_commit: list[float] = []
    to_answer: list[float] = []
    for number in range(taps + _WARM_UP_TAPS):
        watch.expect_tap()
        reply = hospital.control.do(do="tap", patient=number % patients, hold_s=0.3)
        if not reply.get("ok"):
            raise ServiceError(f"the simulated world refused a tap: {reply.get('error')}")
        committed, shown = watch.wait()
        if number >= _WARM_UP_TAPS:
            arrived = reply["arrived_monotonic_s"]
            to_screen.append(shown - arrived)
            to_commit.append(committed - arrived)
            to_answer.append(hospital.control.do(do="first_answer")["answered_monotonic_s"] - arrived)
        hospital.control.do(do="wait_removed")
        time.sleep(0.05)
    node_rss = hospital.rss_mb()
    beyond = [screen - answer for screen, answer in zip(to_screen, to_answer, strict=True)]
    return {
        "n": len(to_screen),
        **summary_ms("", to_screen),
        **summary_ms("beyond_poll", beyond),
        **summary_ms("commit", to_commit),
        "reader_poll_ms": round(percentile(to_answer, 0.5) * 1000, 2),
        "edge_rss_mb": node_rss[DESK],
        "edge_rss_mb_max": max(value for name, value in node_rss.items() if name != "gateway"),
        "gateway_rss_mb": node_rss["gateway"],
    }


class _Watch:
    """Two observers: one hears commits, one reads the SSE stream; each notes when the next tap passes."""

    def __init__(self, hospital: SimulatedHospital) -> None:
        self._dsn = hospital.dsn
        self._browser = _signed_in(hospital, "clerk")
        self._stop = threading.Event()
        self._listening = threading.Barrier(3)
        self._committed = threading.Event()
        self._shown = threading.Event()
        self._removed = threading.Event()
        self._committed_at = 0.0
        self._shown_at = 0.0
        self._threads = [
            threading.Thread(target=self._hear_commits, name="bench-commits", daemon=True),
            threading.Thread(target=self._read_stream, name="bench-stream", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        self._listening.wait(_TAP_TIMEOUT_S)

    def stop(self) -> None:
        self._stop.set()
        self._browser.close()

    def expect_tap(self) -> None:
        self._committed.clear()
        self._shown.clear()

    def wait(self) -> tuple[float, float]:
        if not self._committed.wait(_TAP_TIMEOUT_S):
            raise ServiceError(f"a tap was not committed within {_TAP_TIMEOUT_S:.0f} s")
        if not self._shown.wait(_TAP_TIMEOUT_S):
            raise ServiceError(f"a tap did not leave the SSE endpoint within {_TAP_TIMEOUT_S:.0f} s")
        return self._committed_at, self._shown_at

    def expect_removal(self) -> None:
        self._removed.clear()

    def wait_removed(self) -> None:
        if not self._removed.wait(_TAP_TIMEOUT_S):
            raise ServiceError(f"a card's leaving was not committed within {_TAP_TIMEOUT_S:.0f} s")

    def _hear_commits(self) -> None:
        last = 0
        with (
            psycopg.connect(self._dsn, autocommit=True) as listener,
            psycopg.connect(self._dsn, autocommit=True) as reader,
        ):
            listener.execute("LISTEN medtap_live")
            self._listening.wait(_TAP_TIMEOUT_S)
            while not self._stop.is_set():
                for _ in listener.notifies(timeout=0.5, stop_after=1):
                    heard = time.monotonic()
                    rows = reader.execute(
                        "SELECT live_event_id, kind FROM live_event WHERE live_event_id > %s"
                        " AND kind IN ('tap', 'card_removed')",
                        (last,),
                    ).fetchall()
                    last = max((row[0] for row in rows), default=last)
                    kinds = {row[1] for row in rows}
                    if "tap" in kinds:
                        self._committed_at = heard
                        self._committed.set()
                    if "card_removed" in kinds:
                        self._removed.set()

    def _read_stream(self) -> None:
        try:
            with self._browser.stream("GET", "/live/desk", timeout=None) as stream:
                self._listening.wait(_TAP_TIMEOUT_S)
                last = ""
                for line in stream.iter_lines():
                    found = _NEWEST_TAP.search(line)
                    if found and found[0] != last:
                        last = found[0]
                        self._shown_at = time.monotonic()
                        self._shown.set()
        except httpx.HTTPError:
            if not self._stop.is_set():
                raise


@contextmanager
def _watching(hospital: SimulatedHospital) -> Iterator[_Watch]:
    watch = _Watch(hospital)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


def _signed_in(hospital: SimulatedHospital, username: str) -> httpx.Client:
    link = httpx.URL(hospital.sign_in_links[username])
    client = httpx.Client(base_url=hospital.http_url, headers={"Origin": hospital.http_url})
    client.post(link.path, data={"token": link.params["token"]})
    return client


def _address(broker: str) -> tuple[str, int]:
    host, _, port = broker.rpartition(":")
    if not host or not port.isdigit():
        raise ServiceError(f"--broker {broker!r}: expected host:port, such as 127.0.0.1:1883")
    return host, int(port)
