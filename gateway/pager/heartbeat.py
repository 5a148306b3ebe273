"""The gateway's sign of life, for somebody elsewhere: signed, fresh, and only whole if all parts work.

A watcher asks with a number of its own; the answer repeats it and is signed with the key that both have, so neither a
proxy's cache nor somebody else's machine can live in the gateway's place.
"""

import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
from psycopg_pool import PoolTimeout

from gateway.db.pool import Pool
from gateway.errors import ConfigError
from gateway.pager.config import HeartbeatConfig

_LOG = logging.getLogger(__name__)
STUCK_AFTER: Final = timedelta(seconds=120)
"""A page that is due for so long and was never tried: the pager is silent."""
_KEY_BYTES_MIN: Final = 16
_PING_TIMEOUT_S: Final = 10.0
_STUCK: Final = (
    "SELECT (SELECT count(*) FROM page WHERE delivered_at IS NULL AND withdrawn_at IS NULL AND attempts = 0"
    " AND next_attempt_at < %(late)s) + (SELECT count(*) FROM pager_run WHERE ended_at IS NULL"
    " AND next_step_at < %(late)s AND started_at < %(late)s)"
)


@dataclass(frozen=True)
class Vitals:
    """What works now; each part by name."""

    at: datetime
    parts: Mapping[str, bool]

    @property
    def is_well(self) -> bool:
        """Whether all of them do."""
        return all(self.parts.values())


def vitals(pool: Pool, now: datetime, checks: Mapping[str, Callable[[], bool]]) -> Vitals:
    """Look at the database, the pager's outbox and channels, and at what else is given. Never raises."""
    parts = {"database": False, "pager": False, "channels": False}
    try:
        with pool.connection(timeout=2.0) as connection:
            parts["database"] = connection.execute("SELECT 1").fetchone() == (1,)
            stuck = connection.execute(_STUCK, {"late": now - STUCK_AFTER}).fetchone()
            parts["pager"] = stuck == (0,)
            dead = connection.execute("SELECT count(*) FROM pager_channel WHERE state = 'dead'").fetchone()
            parts["channels"] = dead == (0,)
    except (psycopg.Error, PoolTimeout) as error:
        _LOG.warning("heartbeat: the database does not answer: %s", error)
    return Vitals(now, parts | {name: _holds(check) for name, check in checks.items()})


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:  # noqa: BLE001 - whatever is wrong with a part, it does not work
        _LOG.exception("heartbeat: a part can't be looked at")
        return False


def read_key(file: Path) -> bytes:
    """The key that gateway and watcher share.

    Raises:
        ConfigError: unreadable, or shorter than 16 bytes.
    """
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"heartbeat key {str(file)!r} can't be read: {error}") from None
    if len(key) < _KEY_BYTES_MIN:
        raise ConfigError(f"heartbeat key {str(file)!r}: {len(key)} bytes: expected at least {_KEY_BYTES_MIN}")
    return key


def signed(key: bytes, found: Vitals, nonce: str) -> dict[str, Any]:
    """The answer to a watcher."""
    body = {"at": found.at.isoformat(), "nonce": nonce, "parts": dict(sorted(found.parts.items()))}
    return {**body, "signature": _signature(key, body)}


def is_genuine(key: bytes, answer: Mapping[str, Any], nonce: str) -> bool:
    """Whether this answers our question and was signed with our key."""
    body = {name: answer.get(name) for name in ("at", "nonce", "parts")}
    given = answer.get("signature")
    return (
        isinstance(given, str)
        and answer.get("nonce") == nonce
        and hmac.compare_digest(given.encode(), _signature(key, body).encode())
    )


def _signature(key: bytes, body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Pinger:
    """Calls a dead-man's switch elsewhere while everything is well, and says so when it is not."""

    def __init__(
        self, config: HeartbeatConfig, look: Callable[[], Vitals], *, transport: httpx.BaseTransport | None = None
    ) -> None:
        """`look` finds what works; `transport` is for tests."""
        self._config = config
        self._look = look
        self._client = httpx.Client(timeout=_PING_TIMEOUT_S, transport=transport, trust_env=False)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pager-ping", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30.0)
        self._client.close()

    def ping(self) -> bool:
        """Once; whether it was taken."""
        found = self._look()
        url = self._config.ping_url if found.is_well else f"{self._config.ping_url.rstrip('/')}/fail"
        bad = ", ".join(name for name, well in found.parts.items() if not well)
        try:
            return self._client.post(url, content=bad.encode()).is_success
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _LOG.warning("heartbeat: %s can't be called: %s", self._config.ping_url, error)
            return False

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.ping()
            except Exception:  # noqa: BLE001 - silence would be taken for death, and rightly
                _LOG.exception("heartbeat: unexpected failure, trying again")
            self._stopping.wait(self._config.ping_every_s)


def proof_of(key: bytes, watcher: str, nonce: str) -> str:
    """With which a watcher shows that it has the key."""
    return hmac.new(key, f"watch\n{watcher}\n{nonce}".encode(), hashlib.sha256).hexdigest()


def is_proof(key: bytes, watcher: str, nonce: str, proof: str) -> bool:
    """Whether it does."""
    return hmac.compare_digest(proof.encode(), proof_of(key, watcher, nonce).encode())
