"""Paging channels: where a page goes. Each takes a page or says why not; none knows of the others."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import httpx

from gateway.errors import ChannelError

_LOG = logging.getLogger("medtap.page")
_TIMEOUT_S: Final = 10.0
_HTTP_ERROR_FROM: Final = 300


@dataclass(frozen=True)
class Page:
    """One page for one channel."""

    page_id: UUID
    message: Mapping[str, Any]
    """As it was written when the alarm was raised, with the alarm's state of now under `state`."""


class Channel(Protocol):
    """A way to a person."""

    @property
    def name(self) -> str:
        """As it stands in the table `page`."""
        ...

    def deliver(self, page: Page) -> None:
        """Hand the page over; it may be one that was handed over before (same `page_id`).

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

    def deliver(self, page: Page) -> None:
        """One line."""
        message = page.message
        _LOG.critical("%s | %s | %s", message.get("text_vi"), message.get("text_en"), page.page_id)

    def close(self) -> None:
        """Nothing to let go of."""


class WebhookChannel:
    """POSTs the page as JSON. `Idempotency-Key` is the page's id: a receiver that has seen it may ignore it."""

    name = "webhook"

    def __init__(
        self, url: str, *, timeout_s: float = _TIMEOUT_S, transport: httpx.BaseTransport | None = None
    ) -> None:
        """`timeout_s` bounds connecting and each wait for an answer; `transport` is for tests."""
        self._url = url
        # Redirects are not followed: a page goes where the hospital said, or nowhere.
        self._client = httpx.Client(timeout=timeout_s, transport=transport, follow_redirects=False, trust_env=False)

    def deliver(self, page: Page) -> None:
        """Taken means an answer of 2xx.

        Raises:
            ChannelError: no answer in time, or another status.
        """
        headers = {"Idempotency-Key": str(page.page_id)}
        try:
            answer = self._client.post(self._url, json=dict(page.message), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ChannelError(f"webhook gave no answer: {type(error).__name__}: {error}") from None
        if answer.status_code >= _HTTP_ERROR_FROM:
            raise ChannelError(f"webhook answered {answer.status_code}: {answer.text[:200]!r}")

    def close(self) -> None:
        """Close kept connections."""
        self._client.close()
