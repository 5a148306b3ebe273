"""The composition root: one process with ingest, pager, housekeeping, live feed, pages and API."""

import logging
import socket
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Final

import psycopg
import uvicorn
from fastapi import FastAPI

from cards.trust import TrustAnchorError, TrustAnchors
from gateway.alarms import sweeper as alarm_sweeper
from gateway.alarms.judge import TemperatureJudge
from gateway.cold_chain import keeper as cold_chain_keeper
from gateway.config import GatewayConfig
from gateway.db.migrator import migrate
from gateway.db.partitions import make_partitions
from gateway.db.pool import Pool, open_pool
from gateway.db.reach import start_error
from gateway.errors import ConfigError, StartError
from gateway.housekeeping import Housekeeping
from gateway.ingest.committer import Committer
from gateway.ingest.postgres_store import PostgresStore
from gateway.ingest.projection import HospitalProjection
from gateway.ingest.worker import IngestWorker
from gateway.issuing import parts as issuing_parts
from gateway.pager.parts import Pager, Surroundings
from gateway.people import parts as people_parts
from gateway.services.accounts import ensure_first_admin_link
from gateway.services.app_services import AppServices
from gateway.services.live_feed import LiveFeed
from gateway.services.stock import Stock
from gateway.taps import parts as tap_parts
from gateway.taps.tap_services import TapServices
from gateway.visits import parts as visits_parts

_LOG = logging.getLogger(__name__)
_START_TIMEOUT_S: Final = 30.0
_WEBSOCKET_BYTES_MAX: Final = 256 * 1024
"""Card stations send one answer of a card at a time: 64 kB in hexadecimal digits."""
_INGEST_LANES: Final = 2
"""One writes rows while the other commits and answers: a third would find nothing to do."""


def system_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


class Gateway:
    """Everything of one site's gateway. `start` once, `stop` once."""

    def __init__(self, config: GatewayConfig) -> None:
        """Connects to nothing yet."""
        self._config = config
        self._parts = ExitStack()
        self._http_url = ""
        self.ingest: IngestWorker | None = None

    @property
    def http_url(self) -> str:
        """Where pages and API are served; empty before the start."""
        return self._http_url

    def start(self) -> str | None:
        """Bring up the schema, then all parts. The first administrator's one-time link, if no account exists yet.

        Raises:
            ConfigError: a trust anchor file or the HTTP address can't be used.
            MigrationError: the database does not fit this program.
            DatabaseAwayError: the database can't be reached now; a new Gateway may be luckier.
            StartError: the database can't be used, or the HTTP server did not come up.
        """
        try:
            return self._start()
        except psycopg.Error as error:
            self.stop()
            raise start_error(error) from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all parts, the ingest first. Safe to call twice."""
        self._parts.close()

    def _start(self) -> str | None:
        config = self._config
        anchors = _load_anchors(config)
        listener = self._parts.enter_context(_listen(config))
        address = config.http.host if config.http.host not in ("0.0.0.0", "::") else socket.gethostname()  # noqa: S104 - compared, not bound
        self._http_url = f"http://{address}:{listener.getsockname()[1]}"
        base_url = config.base_url or self._http_url
        config = config.model_copy(update={"base_url": base_url})

        report = migrate(config.dsn, timescale=config.storage.timescale == "auto", time_zone=config.time_zone)
        if report.applied:
            _LOG.info("applied migrations: %s", ", ".join(report.applied))
        pool = open_pool(config.dsn)
        self._parts.callback(pool.close)
        with pool.connection() as connection:
            make_partitions(connection, system_clock())
        with pool.connection() as connection:
            first_admin_link = ensure_first_admin_link(connection, base_url, system_clock())

        people = people_parts.open_people(pool, config.people, system_clock)
        self._parts.callback(people_parts.start(pool, people).stop)
        self._parts.callback(visits_parts.start(pool, people, config.insurance, system_clock, config.zone).stop)
        live = LiveFeed(config.dsn, pool)
        live.start()
        self._parts.callback(live.close)
        issuing = issuing_parts.start(
            issuing_parts.Around(pool, people, base_url, config.zone, system_clock), config.issuing
        )
        self._parts.callback(issuing.stop)
        taps = tap_parts.open_taps(pool, config.taps, config.issuing, system_clock())
        checks = {"broker": lambda: self.ingest is not None and self.ingest.subscriber.connected}
        pager = Pager(config.pager, Surroundings(pool, system_clock, config.zone, base_url, config.webhook_url, checks))
        self._parts.callback(pager.stop)
        services = AppServices(
            pool=pool,
            config=config,
            clock=system_clock,
            live=live,
            people=people,
            issuing=issuing,
            taps=taps,
            pager=pager,
        )
        self._start_http(services, listener)
        self._start_work(config, pool, anchors, taps, pager)
        return first_admin_link

    def _start_work(
        self, config: GatewayConfig, pool: Pool, anchors: TrustAnchors, taps: TapServices, pager: Pager
    ) -> None:
        if not config.trust_anchor_files:
            _LOG.warning("no trust_anchor_files: no health card can be verified")
        pager.start()
        self._parts.callback(cold_chain_keeper.start(pool, system_clock).stop)
        housekeeping = Housekeeping(pool, system_clock, config.storage)
        housekeeping.start()
        self._parts.callback(housekeeping.stop)
        projection = HospitalProjection(tap_parts.check_in(taps, anchors, config.zone), Stock(config.zone))
        judge = TemperatureJudge(config.zone, system_clock)
        committers = [Committer(PostgresStore(pool, projection, judge)) for _ in range(_INGEST_LANES)]
        self.ingest = IngestWorker(config.mqtt, committers, system_clock, on_alarm=pager.wake)
        self.ingest.start()
        self._parts.callback(self.ingest.stop)
        listening, wake = self.ingest.subscriber, pager.wake
        sweeper = alarm_sweeper.start(pool, system_clock, config.zone, listening=listening, on_page=wake)
        self._parts.callback(sweeper.stop)
        pushing = tap_parts.start_status_push(
            config.dsn, pool, self.ingest.subscriber, config.taps, clock=system_clock, zone=config.zone
        )
        self._parts.callback(pushing.stop)

    def _start_http(self, services: AppServices, listener: socket.socket) -> None:
        server = _HttpServer(_make_app(services), listener)
        server.start()
        # Stopped before the live feed: open SSE answers end when the feed closes, so that comes first of the two.
        self._parts.callback(server.stop)
        if isinstance(services.live, LiveFeed):
            self._parts.callback(services.live.close)


def _make_app(services: AppServices) -> FastAPI:
    from gateway.api.app import create_app  # noqa: PLC0415 - pages and templates are loaded when they are served

    return create_app(services)


def _load_anchors(config: GatewayConfig) -> TrustAnchors:
    parts = []
    for file in config.trust_anchor_files:
        try:
            parts.append(TrustAnchors.from_pem(file.read_bytes()))
        except (OSError, TrustAnchorError) as error:
            raise ConfigError(f"trust_anchor_files: got {str(file)!r}: {error}") from None
    return TrustAnchors.joined(parts)


def _listen(config: GatewayConfig) -> socket.socket:
    """Bound before anything else starts: a taken port is found at once, and a free one is known."""
    http = config.http
    try:
        family = socket.getaddrinfo(http.host, http.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((http.host, http.port), family=family)
    except OSError as error:
        raise ConfigError(
            f"http: can't listen on {http.host}:{http.port}: {error}; choose another host or port"
        ) from None


class _HttpServer:
    """uvicorn in a thread; signals stay with the command."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        self._listener = listener
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="on",
                timeout_graceful_shutdown=3,
                ws="websockets-sansio",
                ws_max_size=_WEBSOCKET_BYTES_MAX,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="http", daemon=True
        )

    def start(self) -> None:
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(_START_TIMEOUT_S / 0.02)):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            waited.wait(0.02)
        self.stop()
        raise StartError("the HTTP server did not come up; see the log for its reason")

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=15.0)
