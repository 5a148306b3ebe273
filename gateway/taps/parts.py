"""The taps' share of the gateway: put together once, from the configuration and the database."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cards.ntag424.address import AddressKeys
from cards.ntag424.desk_keys import DeskKeys, DeskKeysError
from cards.trust import TrustAnchors
from gateway.db.pool import Pool
from gateway.errors import ConfigError
from gateway.issuing.config import IssuingConfig
from gateway.issuing.keyring import Keyring
from gateway.services.check_in import CheckIn
from gateway.stock.errors import WarehouseError
from gateway.taps.config import TapsConfig
from gateway.taps.judging import TapJudge
from gateway.taps.presence_token import PresenceTokens
from gateway.taps.signing_keys import presence_key, status_key
from gateway.taps.status_push import Publisher, StatusPusher
from gateway.taps.tap_services import TapServices

_LOG = logging.getLogger(__name__)


def open_taps(pool: Pool, config: TapsConfig, issuing: IssuingConfig, now: datetime) -> TapServices:
    """Read the files, find or make the keys.

    Raises:
        ConfigError: a file can't be used.
    """
    elsewhere = _desk_keys(config)
    with pool.connection() as connection:
        key = presence_key(connection, now)
    tokens = PresenceTokens(key, timedelta(minutes=config.presence_minutes))
    return TapServices(tokens, _KeysNow(Keyring(issuing), elsewhere), config.public_phone)


def check_in(taps: TapServices, anchors: TrustAnchors, zone: ZoneInfo) -> CheckIn:
    """What makes taps into visits."""
    return CheckIn(TapJudge(lambda: anchors, taps.address_keys), zone, taps.tokens)


def start_status_push(
    dsn: str, pool: Pool, publisher: Publisher, config: TapsConfig, *, clock: Callable[[], datetime], zone: ZoneInfo
) -> StatusPusher:
    """Begin to bring the card status list to the edge nodes.

    Raises:
        ConfigError: the status key's file can't be used.
    """
    with pool.connection() as connection:
        key = status_key(connection, config.status_key_file, clock())
    every = timedelta(seconds=config.status_list_every_s)
    pusher = StatusPusher(dsn, pool, publisher, key, clock=clock, zone=zone, every=every)
    pusher.start()
    return pusher


@dataclass(frozen=True)
class _KeysNow:
    """The keys that cards are issued with here, of all versions that there are by now; else those of a file."""

    keyring: Keyring
    elsewhere: DeskKeys | None

    def __call__(self) -> AddressKeys | None:
        if not self.keyring.configured:
            return self.elsewhere
        try:
            return self.keyring.secrets().tag_masters
        except WarehouseError as error:
            _LOG.error("NTAG 424 cards can't be judged: %s", error)
            return self.elsewhere


def _desk_keys(config: TapsConfig) -> DeskKeys | None:
    if config.desk_keys_file is None:
        return None
    try:
        return DeskKeys.from_json(config.desk_keys_file.read_bytes())
    except (OSError, DeskKeysError) as error:
        raise ConfigError(f"taps.desk_keys_file: got {str(config.desk_keys_file)!r}: {error}") from None
