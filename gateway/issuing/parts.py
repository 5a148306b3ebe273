"""What the gateway starts for the issuing desk: the keys, the hub of stations, and the thread that ends old cards."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.db.pool import Pool
from gateway.issuing import stations
from gateway.issuing.config import IssuingConfig
from gateway.issuing.desk_acts import Desk
from gateway.issuing.emergency import RecordSealing
from gateway.issuing.hub import StationHub
from gateway.issuing.keyring import Keyring
from gateway.issuing.lifecycle import expire_cards
from gateway.issuing.making import Making
from gateway.issuing.workbench import Workbench
from gateway.people.people import People
from gateway.repeating import RepeatingThread

_LOG: Final = logging.getLogger(__name__)
_ROUND_S: Final = 600.0
"""A card ends at midnight; ten minutes later every desk knows."""


@dataclass(frozen=True)
class Issuing:
    """The issuing desk of a running gateway."""

    config: IssuingConfig
    keyring: Keyring
    making: Making
    hub: StationHub
    desk: Desk
    expiry: "ExpiryJob"

    def stop(self) -> None:
        """End stations' work and the job. What is on half-done cards is gone on with by the next start."""
        self.expiry.stop()
        self.hub.stop()


@dataclass(frozen=True)
class Around:
    """What there is in the gateway already."""

    pool: Pool
    people: People
    base_url: str
    zone: ZoneInfo
    clock: Callable[[], datetime]


def assemble(around: Around, config: IssuingConfig) -> Issuing:
    """All of it, with nothing running yet but what stations ask for."""
    pool, zone, clock = around.pool, around.zone, around.clock
    keyring = Keyring(config)
    sealing = RecordSealing(pool, around.people, keyring, clock)
    making = Making(pool, clock, zone, config.card_address(around.base_url), config.card_years, sealing.seal)
    hub = StationHub(Workbench(pool, clock, keyring, making))
    return Issuing(config, keyring, making, hub, Desk(making, keyring.secrets), ExpiryJob(pool, zone, clock))


def start(around: Around, config: IssuingConfig) -> Issuing:
    """All of it, running."""
    issuing = assemble(around, config)
    with around.pool.connection() as connection:
        stations.nobody_is_connected(connection)
    if not issuing.keyring.configured:
        _LOG.warning("no [issuing] key_file: no health card can be made here")
    issuing.expiry.start()
    return issuing


class ExpiryJob(RepeatingThread):
    """Ends cards whose last day is over, again and again."""

    def __init__(self, pool: Pool, zone: ZoneInfo, clock: Callable[[], datetime]) -> None:
        """Does nothing yet."""
        super().__init__("card-expiry", _ROUND_S)
        self._pool = pool
        self._zone = zone
        self._clock = clock

    def round(self) -> int:
        """Once; how many cards ended."""
        now, ended = self._clock(), 0
        while not self._stopping.is_set():
            with self._pool.connection() as connection:
                some = len(expire_cards(connection, now.astimezone(self._zone).date(), now))
            ended += some
            if not some:
                break
        if ended:
            _LOG.info("%d health cards have expired", ended)
        return ended
