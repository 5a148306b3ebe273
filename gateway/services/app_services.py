"""What the web application is given by the composition root: the database, the clock, the live feed, the configuration.

The seams are structural: `gateway.config.GatewayConfig` and `gateway.services.live_feed.LiveFeed` satisfy them without
inheriting, and a test passes its own.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from gateway.issuing.parts import Issuing
from gateway.people.people import People
from gateway.taps.tap_services import TapServices

if TYPE_CHECKING:  # its answers are audited, which needs this module
    from gateway.pager.parts import Pager

DbConnection = psycopg.Connection[TupleRow]
"""A connection as the pool hands it out."""


class WebConfig(Protocol):
    """The part of the gateway's configuration that the web application reads."""

    @property
    def base_url(self) -> str:
        """Where browsers reach this gateway, such as `https://medtap.hospital.lan`; no slash at the end."""
        ...

    @property
    def time_zone(self) -> str:
        """IANA name of the hospital's time zone: every time on a page is in it."""
        ...


class LiveEventLike(Protocol):
    """One row of table `live_event`."""

    @property
    def live_event_id(self) -> int:
        """Rising; whoever has seen n has seen all below it."""
        ...

    @property
    def audience(self) -> str:
        """`pharmacy`, `desk` or `on_call`."""
        ...

    @property
    def kind(self) -> str:
        """What happened, such as `tap` or `readings`."""
        ...

    @property
    def payload(self) -> Mapping[str, Any]:
        """Keys and numbers only, never a name."""
        ...


class LiveSubscriptionLike(Protocol):
    """One page's place in the feed: an asynchronous iterator. Cancelling a pending `__anext__` loses no event."""

    def __aiter__(self) -> AsyncIterator[LiveEventLike]:
        """Itself."""
        ...

    async def __anext__(self) -> LiveEventLike:
        """The next event; waits for it without a database connection. Ends when the feed is closed."""
        ...

    def close(self) -> None:
        """Leave nothing behind in the feed."""
        ...


class LiveFeedLike(Protocol):
    """Hands every committed live event to every subscriber, without polling."""

    def subscribe(self, after_id: int | None, audiences: Collection[str]) -> LiveSubscriptionLike:
        """Events of these audiences, in order.

        Args:
            after_id: replay what came after this id first; None: only what comes from now on.
            audiences: which audiences' events to hand out.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class AppServices:
    """Everything the routes use. Made once, by `gateway.bootstrap`."""

    pool: ConnectionPool[DbConnection]
    config: WebConfig
    clock: Callable[[], datetime]
    """Now, with offset (UTC)."""
    live: LiveFeedLike
    people: People
    """Who patients are: read and changed through it alone."""
    taps: TapServices | None = None
    """What taps are judged with; None: none are judged here."""
    issuing: Issuing | None = None
    """The issuing desk; None: no card is made here."""
    pager: "Pager | None" = None
    """Who is woken; None: nobody is from here."""
