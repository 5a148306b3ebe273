"""The watcher on another machine: asks the gateway for its signed heartbeat, and pages by its own ways when it stops.

It shares nothing with the gateway but one key: its own modem or web hook, its own list of people, its own clock. The
gateway misses it in turn, when it does not ask any more.
"""

import json
import logging
import secrets
import threading
import tomllib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import httpx
import pydantic
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.errors import ChannelError, ConfigError
from gateway.pager.channels import Channel, Outgoing
from gateway.pager.config import ChannelConfig, PagerConfig
from gateway.pager.heartbeat import is_genuine, proof_of, read_key
from gateway.pager.messages import plain_words

_LOG = logging.getLogger(__name__)
_TIMEOUT_S: Final = 10.0
_OWN_AFFAIR: Final = "channels"
"""A dead channel is paged by the gateway itself, by the others."""
Seen = Literal["well", "unwell", "silent"]


class WatchPage(BaseModel):
    """Whom to tell, by which of our channels, how long after we are sure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: str
    address: str = ""
    after_s: Annotated[float, Field(ge=0, le=86400)] = 0.0


class WatchConfig(BaseModel):
    """The watcher's own file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gateway_url: Annotated[str, StringConstraints(pattern=r"\Ahttps?://[^\s/]+\S*\z")]
    key_file: Path
    name: Annotated[str, StringConstraints(pattern=r"\A[0-9A-Za-z._-]{1,63}\z")]
    """By which the gateway knows us, and misses us."""
    every_s: Annotated[float, Field(ge=1, le=3600)] = 30.0
    silent_after_s: Annotated[float, Field(ge=1, le=86400)] = 120.0
    """A restart of the gateway takes some seconds; nobody is woken for it."""
    repeat_every_s: Annotated[float, Field(ge=60, le=86400)] = 900.0
    state_file: Path = Path("medtap-watch.json")
    """What was told already: a watcher that starts again does not tell it again."""
    channel: Annotated[tuple[ChannelConfig, ...], Field(min_length=1)]
    page: Annotated[tuple[WatchPage, ...], Field(min_length=1)]


def load_watch(path: Path) -> WatchConfig:
    """Read the file; names of files in it are relative to it.

    Raises:
        ConfigError: unreadable, a wrong value, a file that isn't there, or a page by a channel that isn't there.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        config = WatchConfig.model_validate(table)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"configuration {str(path)!r} can't be read: {error}") from None
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"configuration {str(path)!r}: {key}: {first['msg']}") from None
    known = {each.name for each in config.channel}
    for page in config.page:
        if page.channel not in known:
            raise ConfigError(f"page.channel: got {page.channel!r}: expected one of {', '.join(sorted(known))}")
    found = PagerConfig(channel=config.channel).found_in(path.parent)
    return config.model_copy(
        update={
            "channel": found.channel,
            "key_file": path.parent / config.key_file,
            "state_file": path.parent / config.state_file,
        }
    )


@dataclass
class Told:
    """What this watcher knows, kept in its state file."""

    well_at: str = ""
    """When the gateway was well last, ISO 8601; empty: never seen."""
    pages: list[int] = field(default_factory=list)
    """Which of the configured pages went out, of the trouble that lasts."""
    repeated_at: str = ""


class Watcher:
    """`look` does one round; it has no thread of its own."""

    def __init__(
        self,
        config: WatchConfig,
        channels: Sequence[Channel],
        clock: Callable[[], datetime],
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`transport` is for tests.

        Raises:
            ConfigError: the key can't be read.
        """
        self._config = config
        self._channels = {channel.name: channel for channel in channels}
        self._clock = clock
        self._key = read_key(config.key_file)
        self._client = httpx.Client(timeout=_TIMEOUT_S, transport=transport, trust_env=False, follow_redirects=False)
        self._told = _read_state(config.state_file)

    def look(self) -> Seen:
        """Ask, and tell whoever must be told."""
        now = self._clock()
        seen, bad = self.ask()
        if seen == "well":
            self._is_well(now)
            return seen
        if not self._told.well_at:
            self._told.well_at = now.isoformat()  # never seen well: count from our start
        since = datetime.fromisoformat(self._told.well_at)
        sure_since = since + timedelta(seconds=self._config.silent_after_s)
        if now >= sure_since:
            self._tell(seen, bad, since, sure_since, now)
        _write_state(self._config.state_file, self._told)
        return seen

    def ask(self) -> tuple[Seen, tuple[str, ...]]:
        """What the gateway says of itself, and which parts don't work."""
        nonce = secrets.token_urlsafe(24)
        proof = proof_of(self._key, self._config.name, nonce)
        query = {"nonce": nonce, "watcher": self._config.name, "every_s": str(self._config.every_s), "proof": proof}
        try:
            answer = self._client.get(f"{self._config.gateway_url.rstrip('/')}/api/v1/pager/heartbeat", params=query)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            _LOG.warning("no heartbeat: %s", error)
            return "silent", ()
        if not isinstance(body, dict) or not is_genuine(self._key, body, nonce):
            _LOG.warning("no heartbeat: the answer (%d) is not signed with our key", answer.status_code)
            return "silent", ()
        parts: Mapping[str, Any] = body["parts"]
        bad = tuple(name for name, works in parts.items() if works is not True and name != _OWN_AFFAIR)
        return ("unwell", bad) if bad else ("well", ())

    def close(self) -> None:
        """Let go of connections and lines."""
        self._client.close()
        for channel in self._channels.values():
            channel.close()

    def _is_well(self, now: datetime) -> None:
        for index in sorted(set(self._told.pages)):
            self._send(self._config.page[index], f"[GIÁM SÁT {self._config.name}] Máy chủ medtap đã hoạt động lại.")
        self._told = Told(well_at=now.isoformat())
        _write_state(self._config.state_file, self._told)

    def _tell(self, seen: Seen, bad: Sequence[str], since: datetime, sure_since: datetime, now: datetime) -> None:
        local = f"{since.astimezone():%H:%M}"
        what = f"hỏng: {', '.join(bad)}" if seen == "unwell" else "không trả lời"
        text = (
            f"[GIÁM SÁT {self._config.name}] Máy chủ medtap {what} từ {local}. Báo động tủ thuốc có thể không đến."
            " Kiểm tra máy chủ; xem nhiệt kế tại chỗ."
        )
        repeat = self._told.repeated_at and now - datetime.fromisoformat(self._told.repeated_at) >= timedelta(
            seconds=self._config.repeat_every_s
        )
        if repeat:
            self._told.pages = []
        for index, page in enumerate(self._config.page):
            due = now >= sure_since + timedelta(seconds=page.after_s)
            if due and index not in self._told.pages and self._send(page, text):
                self._told.pages.append(index)
                self._told.repeated_at = now.isoformat()

    def _send(self, page: WatchPage, text: str) -> bool:
        """Whether it was taken; if not, it is tried again in the next round, and the others are not kept waiting."""
        message = {"kind": "watch", "watcher": self._config.name, "text_vi": text, "text_en": ""}
        outgoing = Outgoing(uuid.uuid4(), "alarm", page.address, plain_words(text), "critical", message)
        try:
            self._channels[page.channel].deliver(outgoing)
        except ChannelError as error:
            _LOG.error("%s", error)
            return False
        return True


def watch_until(watcher: Watcher, every_s: float, stop: threading.Event) -> None:
    """Round by round, until told to stop; no round ends the watching."""
    while not stop.is_set():
        try:
            watcher.look()
        except Exception:  # noqa: BLE001 - a watcher that ends is worse than any error
            _LOG.exception("unexpected failure, trying again")
        stop.wait(every_s)


def _read_state(file: Path) -> Told:
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
        return Told(str(table["well_at"]), [int(each) for each in table["pages"]], str(table["repeated_at"]))
    except FileNotFoundError:
        return Told()
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning("state %s can't be read, beginning anew: %s", file, error)
        return Told()


def _write_state(file: Path, told: Told) -> None:
    fresh = file.with_name(f"{file.name}.new")
    try:
        fresh.write_text(json.dumps(vars(told)), encoding="utf-8")
        fresh.replace(file)
    except OSError as error:
        _LOG.warning("state %s can't be written: %s", file, error)
