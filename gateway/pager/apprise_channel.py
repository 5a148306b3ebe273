"""Channels of the library Apprise: e-mail, ntfy, Telegram, Teams, PagerDuty and a hundred more, each named by a URL."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote

from gateway.errors import ChannelError, ConfigError
from gateway.pager.channels import Outgoing, Taken
from gateway.pager.config import ChannelConfig

if TYPE_CHECKING:
    from apprise import Apprise

_TYPES: Final = {"critical": "failure", "warning": "warning"}
_APPRISE_LOGGER: Final = "apprise"


class AppriseChannel:
    """One Apprise URL; the secret in it never reaches a log."""

    def __init__(self, config: ChannelConfig) -> None:
        """Reads the secret.

        Raises:
            ConfigError: Apprise does not know such a URL, or the secret can't be read.
        """
        self.name: Final = config.name
        self._url = config.url.replace("{secret}", quote(read_secret(config.secret_file), safe=""))
        self._plain_url = config.url
        self._targets: dict[str, Apprise] = {}
        if "{address}" not in config.url:
            self._target("")  # a wrong URL is found at the start

    def deliver(self, outgoing: Outgoing) -> Taken:
        """Taken means that the service has answered so; what it does then it keeps to itself.

        Raises:
            ChannelError: it was not taken; says what Apprise says.
        """
        try:
            target = self._target(outgoing.address)
        except ConfigError as error:
            raise ChannelError(str(error)) from None
        words = outgoing.words
        with _Overheard() as overheard:
            taken = target.notify(title=words.title, body=words.body, notify_type=_TYPES[outgoing.severity])
        if not taken:
            raise ChannelError(f"{self.name} did not take it: {overheard.said or 'no reason given'}")
        return Taken()

    def close(self) -> None:
        """Apprise keeps no connection."""
        self._targets.clear()

    def _target(self, address: str) -> "Apprise":
        if address not in self._targets:
            from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - loads a hundred services: only where it is used

            target = Apprise(asset=AppriseAsset(app_id="medtap", secure_logging=True, async_mode=False))
            if not target.add(self._url.replace("{address}", quote(address, safe="@+"))):
                raise ConfigError(f"pager.channel.{self.name}.url: got {self._plain_url!r}: Apprise knows no such URL")
            self._targets[address] = target
        return self._targets[address]


class _Overheard(logging.Handler):
    """What Apprise says in its log while it sends: its answer is a bare yes or no."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said = f"{self.said}; {record.getMessage()}".lstrip("; ")[:300]

    def __enter__(self) -> Self:
        logging.getLogger(_APPRISE_LOGGER).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(_APPRISE_LOGGER).removeHandler(self)


def read_secret(file: Path | None) -> str:
    """The content of a secret's file, without the line's end; empty if there is none.

    Raises:
        ConfigError: it can't be read.
    """
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"secret file {str(file)!r} can't be read: {error}") from None
