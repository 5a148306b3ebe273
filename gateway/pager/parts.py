"""The pager's threads: one that goes round the chain and the channels' health, one for each channel."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import psycopg

from gateway.db.pool import Pool
from gateway.pager.build import build_channels
from gateway.pager.channels import Channel
from gateway.pager.config import PagerConfig
from gateway.pager.delivery import DEFAULT_PLAN, Deliverer, DeliveryThread, RetryPlan
from gateway.pager.escalation import Escalator
from gateway.pager.failover import Failover
from gateway.pager.health import note_no_receipt
from gateway.pager.heartbeat import Pinger, Vitals, vitals
from gateway.pager.inbox import Inbox, InboxThread
from gateway.pager.keeper import Keeper
from gateway.pager.messages import Style
from gateway.pager.relay import Relay, SirenThread
from gateway.pager.sms_channel import SmsChannel
from gateway.services.live_events import publish

_LOG = logging.getLogger(__name__)
_BATCHES_MAX: Final = 1000
_KEEP_EVERY: Final = timedelta(seconds=5)


@dataclass(frozen=True)
class Surroundings:
    """What the pager is given by whoever starts it."""

    pool: Pool
    clock: Callable[[], datetime]
    zone: ZoneInfo
    base_url: str
    webhook_url: str = ""
    checks: Mapping[str, Callable[[], bool]] = field(default_factory=dict)
    """Other parts of the gateway that its heartbeat answers for, by name: the broker's connection."""


class Rounds:
    """What is done over and over: the chain, second channels. No thread of its own, no memory."""

    def __init__(self, config: PagerConfig, around: Surroundings) -> None:
        self._around = around
        self._escalator = Escalator(config, around.zone, webhook=bool(around.webhook_url))
        self._failover = Failover(config)

    def go(self) -> int:
        """Everything that is due; how much was done.

        Raises:
            psycopg.Error: the database is away.
        """
        now = self._around.clock()
        total = 0
        for _ in range(_BATCHES_MAX):
            with self._around.pool.connection() as connection:
                count = self._escalator.advance(connection, now)
            total += count
            if not count:
                break
        with self._around.pool.connection() as connection:
            written, unreceipted = self._failover.look(connection, now)
        for channel in unreceipted:
            with self._around.pool.connection() as connection:
                publish(connection, note_no_receipt(connection, channel, now))
        return total + written


class Pager:
    """Start it once; `wake` it when an incident was written."""

    def __init__(
        self,
        config: PagerConfig,
        around: Surroundings,
        *,
        channels: Sequence[Channel] | None = None,
        plan: RetryPlan = DEFAULT_PLAN,
    ) -> None:
        """`channels`: instead of those of the configuration, for tests.

        Raises:
            ConfigError: a channel can't be made of its configuration.
        """
        self.config: Final = config
        self.channels = tuple(build_channels(config, around.webhook_url) if channels is None else channels)
        style = Style(around.zone, around.base_url)
        self._rounds = Rounds(config, around)
        self._plan = plan
        self._around = around
        self._keeper = Keeper(around.pool, config, around.zone)
        self._kept_at: datetime | None = None
        self._rounds_seen: dict[str, int] = {}
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pager", daemon=True)
        self._deliveries = [
            DeliveryThread(
                Deliverer(around.pool, channel, around.clock, style, plan=plan, on_failure=self.wake),
                poll_s=plan.poll_s,
            )
            for channel in self.channels
        ]
        self._inboxes = [
            InboxThread(
                Inbox(around.pool, channel, config.country_code, around.clock), channel.name, on_answer=self.wake
            )
            for channel in self.channels
            if isinstance(channel, SmsChannel)
        ]

        self.siren = None
        if config.relay is not None:
            self.siren = SirenThread(around.pool, Relay(config.relay), config.relay, around.clock)
        self._pinger = Pinger(config.heartbeat, self.vitals) if config.heartbeat.ping_url else None

    def start(self) -> None:
        """Begin."""
        names = [channel.name for channel in self.channels] + ([self.siren.name] if self.siren else [])
        self._keeper.begin(names, self._around.clock())
        self._thread.start()
        for part in (self.siren, self._pinger):
            if part is not None:
                part.start()
        for delivery in self._deliveries:
            delivery.start()
        for inbox in self._inboxes:
            inbox.start()

    def wake(self) -> None:
        """There may be something new. Cheap, from any thread."""
        self._news.set()

    def stop(self) -> None:
        """Finish what is being done, then end. What is left is done after the next start."""
        for part in (self.siren, self._pinger):
            if part is not None:
                part.stop()
        self._stopping.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30.0)
        for inbox in self._inboxes:
            inbox.stop()
        for delivery in self._deliveries:
            delivery.stop()
        self._keeper.close()

    def vitals(self) -> Vitals:
        """What of the gateway works now."""
        checks = {"threads": self._thread.is_alive, **self._around.checks}
        return vitals(self._around.pool, self._around.clock(), checks)

    def _keep(self) -> int:
        """The look at ourselves, every few seconds."""
        now = self._around.clock()
        if self._kept_at is not None and now - self._kept_at < _KEEP_EVERY:
            return 0
        self._kept_at = now
        rounds = {delivery.name: delivery.rounds for delivery in self._deliveries}
        working = [name for name, count in rounds.items() if count != self._rounds_seen.get(name)]
        self._rounds_seen = rounds
        return self._keeper.look(working, now)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            try:
                if self._rounds.go() + self._keep():
                    for delivery in self._deliveries:
                        delivery.wake()
            except psycopg.Error as error:
                _LOG.warning("pager: the database is away, trying again: %s", error)
            except Exception:  # noqa: BLE001 - a pager that ends is worse than any error
                _LOG.exception("pager: unexpected failure, trying again")
            self._news.wait(self._plan.poll_s)
