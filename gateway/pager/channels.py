"""Paging channels: where a message goes. Each takes it or says why not; none knows of the others."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import httpx

from gateway.errors import ChannelError
from gateway.pager.messages import Words
from gateway.pager.outbox import Kind

_LOG = logging.getLogger("medtap.page")
_TIMEOUT_S: Final = 10.0
_HTTP_ERROR_FROM: Final = 300


@dataclass(frozen=True)
class Outgoing:
    """One message for one channel, as it is at the moment of sending."""

    page_id: UUID
    kind: Kind
    address: str
    """Where on the channel; empty for channels without people."""
    words: Words
    severity: str
    message: Mapping[str, Any]
    """For programs."""


@dataclass(frozen=True)
class Taken:
    """The channel has it."""

    channel_message_id: str = ""
    """By which its receipt will name it."""


class Channel(Protocol):
    """A way to people or to a program."""

    @property
    def name(self) -> str:
        """As it stands in the table `page`."""
        ...

    def deliver(self, outgoing: Outgoing) -> Taken:
        """Hand the message over; it may be one that was handed over before (same `page_id`).

        Raises:
            ChannelError: it was not taken; try again later.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class LogChannel:
    """The gateway's own log (logger `medtap.page`, level critical): always there, needs nothing."""

    name = "log"

    def deliver(self, outgoing: Outgoing) -> Taken:
        """One line."""
        message = outgoing.message
        vi, en = message.get("text_vi", outgoing.words.short), message.get("text_en", "")
        _LOG.critical("%s | %s | %s", vi, en, outgoing.page_id)
        return Taken()

    def close(self) -> None:
        """Nothing to let go of."""


class HttpPoster:
    """POSTs JSON; taken means an answer of 2xx."""

    def __init__(
        self, name: str, url: str, *, timeout_s: float = _TIMEOUT_S, transport: httpx.BaseTransport | None = None
    ) -> None:
        """`timeout_s` bounds connecting and each wait for an answer; `transport` is for tests."""
        self.name: Final = name
        self._url = url
        # Redirects are not followed: a page goes where the hospital said, or nowhere.
        self._client = httpx.Client(timeout=timeout_s, transport=transport, follow_redirects=False, trust_env=False)

    def post(self, body: object, headers: Mapping[str, str]) -> None:
        """One request.

        Raises:
            ChannelError: no answer in time, or another status.
        """
        try:
            answer = self._client.post(self._url, json=body, headers=dict(headers))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ChannelError(f"{self.name} gave no answer: {type(error).__name__}: {error}") from None
        if answer.status_code >= _HTTP_ERROR_FROM:
            raise ChannelError(f"{self.name} answered {answer.status_code}: {answer.text[:200]!r}")

    def close(self) -> None:
        """Close kept connections."""
        self._client.close()


class WebhookChannel(HttpPoster):
    """POSTs the page as JSON. `Idempotency-Key` is the page's id: a receiver that has seen it may ignore it."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "webhook",
        timeout_s: float = _TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(name, url, timeout_s=timeout_s, transport=transport)

    def deliver(self, outgoing: Outgoing) -> Taken:
        """Taken means an answer of 2xx.

        Raises:
            ChannelError: no answer in time, or another status.
        """
        self.post(dict(outgoing.message), {"Idempotency-Key": str(outgoing.page_id)})
        return Taken()
