"""Live pages over server-sent events: server-rendered fragments as things happen, resumable, ending with the session.

No connection of the pool is held while nothing happens, and nothing sleeps between an event and the screen.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from fastapi.sse import format_sse_event
from psycopg_pool import PoolTimeout
from starlette.concurrency import run_in_threadpool

from gateway.api.web import StreamEnd, Web
from gateway.pages.translations import N_
from gateway.pages.view import BANNER, Scene, View, in_order
from gateway.services.app_services import LiveEventLike, LiveSubscriptionLike
from gateway.services.sessions import session_of

_LOG: Final = logging.getLogger(__name__)
_RECONNECT_MS: Final = 2000
_RETRY_DATABASE_S: Final = 2.0
_AT_ONCE_MAX: Final = 500
"""Events drawn together when many wait, such as after a reconnect: a fragment is rendered once for all of them."""


class SignedOutError(Exception):
    """The session of this stream is over."""


@dataclass(frozen=True)
class LiveStream:
    """One browser's stream."""

    web: Web
    view: View
    token: str
    """Of the session; checked again at every message."""
    place_id: str | None

    async def messages(self, after_id: int | None) -> AsyncIterator[bytes]:
        """Everything to send, until the browser leaves, the session ends or the application stops."""
        subscription = self.web.services.live.subscribe(after_id, {self.view.audience})
        try:
            yield format_sse_event(retry=_RECONNECT_MS, comment="medtap")
            async for message in self._until_signed_out(subscription):
                yield message
        except SignedOutError:
            yield format_sse_event(event="signed_out", data_str="")
        finally:
            subscription.close()

    async def _until_signed_out(self, subscription: LiveSubscriptionLike) -> AsyncIterator[bytes]:
        end = StreamEnd()
        self.web.streams.add(end)
        waiter = _Waiter(subscription, end)
        dirty: list[str] = [BANNER]
        last_id: int | None = None
        try:
            while True:
                wait_s = self.web.heartbeat_s
                try:
                    for names, id_ in _parts(dirty, last_id):
                        yield await self._drawn(names, id_)
                    dirty, last_id = [], None
                except (psycopg.OperationalError, PoolTimeout) as error:
                    _LOG.warning("A live page waits for the database: %s", error)
                    yield self._database_down()
                    wait_s = _RETRY_DATABASE_S
                events = await waiter.next(wait_s)
                if waiter.over:
                    return
                touched = (name for event in events for name in self.view.touched(event))
                dirty = in_order(iter([*dirty, *touched])) or [BANNER]
                last_id = events[-1].live_event_id if events else last_id
        finally:
            self.web.streams.discard(end)
            waiter.cancel()

    async def _drawn(self, names: Sequence[str], last_id: int | None) -> bytes:
        html = await run_in_threadpool(self._draw, names)
        event = "heartbeat" if list(names) == [BANNER] else "fragments"
        return format_sse_event(event=event, data_str=html, id=str(last_id) if last_id is not None else None)

    def _draw(self, names: Sequence[str]) -> str:
        services = self.web.services
        now = services.clock()
        with services.pool.connection() as connection:
            person = session_of(connection, self.token, now, self.web.policy)
            if person is None or not person.may(*self.view.roles):
                raise SignedOutError
            speech = self.web.speech_in(person.language)
            scene = Scene(self.web, connection, person, speech, now, self.place_id)
            return "\n".join(self.view.render(scene, name) for name in names)

    def _database_down(self) -> bytes:
        """Without the database the person's language is unknown here: say it in the first language of the house."""
        text = N_("The database does not answer. Taps, scans and temperatures are kept on the edge nodes meanwhile.")
        html = self.web.render("fragments/database_down.html", self.web.speech_in("vi"), {"text": text})
        return format_sse_event(event="heartbeat", data_str=html)


def _parts(names: list[str], last_id: int | None) -> list[tuple[list[str], int | None]]:
    """What to send as one message each: the most urgent fragment leaves alone, the others may take longer to read.

    Only the last message carries the id: a browser that lost the link between them gets all of it again.
    """
    if last_id is None or len(names) == 1:
        return [(names, last_id)]
    return [(names[:1], None), (names[1:], last_id)]


class _Waiter:
    """Waits for events without losing one when the wait is over first."""

    def __init__(self, subscription: LiveSubscriptionLike, end: StreamEnd) -> None:
        self._events = subscription
        self._pending: asyncio.Task[LiveEventLike] | None = None
        self._stopping = asyncio.ensure_future(end.wait())
        self.over = False
        """The feed was closed or the application stops."""

    async def next(self, timeout_s: float) -> list[LiveEventLike]:
        """The events that are there, at least one unless the time runs out or all is over."""
        events: list[LiveEventLike] = []
        wait_s: float | None = timeout_s
        while len(events) < _AT_ONCE_MAX:
            if self._pending is None:
                self._pending = asyncio.ensure_future(_next_of(self._events))
            if events:
                await asyncio.sleep(0)  # lets the task take what is ready, and no more
            else:
                await asyncio.wait({self._pending, self._stopping}, timeout=wait_s, return_when="FIRST_COMPLETED")
            if self._stopping.done():
                self.over = True
            if self.over or not self._pending.done():
                break
            finished, self._pending = self._pending, None
            try:
                events.append(finished.result())
            except StopAsyncIteration:
                self.over = True
                break
        return events

    def cancel(self) -> None:
        """Leave no task behind."""
        self._stopping.cancel()
        if self._pending is not None:
            self._pending.cancel()


async def _next_of(events: LiveSubscriptionLike) -> LiveEventLike:
    return await events.__anext__()
