"""The uplink: one thread that connects, drives the delivery protocol, and connects again, whatever happens.

    outbox commit --wake--> pump ------------> delivery.outgoing() --publish--> broker
    broker --message------> pump --received--> delivery

Nothing is polled: an event leaves as soon as its commit has woken the thread. An exception ends a connection, never the
thread; and the agent looks whether the thread still beats.
"""

import logging
import threading
import time
from random import Random
from typing import Final

from edge.backoff import Backoff
from edge.clock import Clock
from edge.delivery import Delivery
from edge.mqtt_link import Link, LinkError
from edge.outbox import OutboxError

RECONNECT_MIN_S: Final = 0.25
RECONNECT_MAX_S: Final = 15.0
"""A broker that was restarted is found again within seconds, one that is away costs a try every quarter minute."""

PUMP_MAX_S: Final = 5.0
"""Longest sleep: the thread beats at least so often, in seconds."""

GOODBYE_S: Final = 1.0
"""How long the last message may take to be confirmed, in seconds."""

_LOG = logging.getLogger(__name__)


class Uplink:
    """Brings an outbox's rows to the gateway for as long as it lives."""

    def __init__(self, link: Link, delivery: Delivery, clock: Clock, *, random: Random) -> None:
        """Nothing runs before `start`."""
        self._link = link
        self._delivery = delivery
        self._clock = clock
        self._backoff = Backoff(RECONNECT_MIN_S, RECONNECT_MAX_S, random)
        self._stopping = threading.Event()
        self._drain_until_s = 0.0
        self._beat_s = time.monotonic()
        self._connected = False
        self._last_error = ""
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    @property
    def connected(self) -> bool:
        """True while there is a connection to the broker (which says nothing of the gateway)."""
        return self._connected

    @property
    def last_error(self) -> str:
        """Why there is no connection, or why the last one ended; empty if there never was a reason."""
        return self._last_error

    @property
    def alive(self) -> bool:
        """True while the thread runs."""
        return self._thread.is_alive()

    @property
    def silent_s(self) -> float:
        """Seconds since the thread last showed itself."""
        return time.monotonic() - self._beat_s

    def start(self) -> None:
        """Begin to connect. Returns at once."""
        self._beat_s = time.monotonic()
        self._thread.start()

    def wake(self) -> None:
        """There is something to send. May be called from any thread."""
        self._link.wake()

    def stop(self, drain_s: float) -> bool:
        """Try for `drain_s` seconds to get everything acknowledged, say goodbye, end. True if the thread has ended."""
        self._drain_until_s = time.monotonic() + drain_s
        self._stopping.set()
        self._link.wake()
        if self._thread.ident is not None:
            self._thread.join(drain_s + 2 * GOODBYE_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._beat_s = time.monotonic()
            try:
                self._serve()
            except (LinkError, OutboxError) as error:
                self._note(str(error))
            except Exception as error:  # noqa: BLE001 - this thread may end by nothing but `stop`
                _LOG.exception("the uplink failed; it begins anew")
                self._note(f"unexpected: {error!r}")
            finally:
                self._connected = False
                self._delivery.disconnected()
                self._link.close()
            self._stopping.wait(self._backoff.next_delay_s())

    def _note(self, error: str) -> None:
        if error != self._last_error:
            _LOG.warning("uplink: %s", error)
        self._last_error = error

    def _serve(self) -> None:
        """One connection, from its opening to its end."""
        delivery = self._delivery
        self._link.open(delivery.will, delivery.subscriptions)
        used_before = delivery.counters.acks_used
        delivery.connected()
        self._connected = True
        while True:
            self._beat_s = time.monotonic()
            for message in delivery.outgoing():
                self._link.publish(message)
            if self._stopping.is_set() and self._drained():
                self._say_goodbye()
                return
            for received in self._link.pump(self._sleep_s()):
                delivery.received(received.topic, received.payload)
            if delivery.counters.acks_used != used_before:
                # Only a connection that brought an answer is a good one.
                self._backoff.reset()

    def _drained(self) -> bool:
        return self._delivery.drained or time.monotonic() >= self._drain_until_s

    def _sleep_s(self) -> float:
        sleep_s = PUMP_MAX_S
        if self._stopping.is_set():
            sleep_s = min(sleep_s, max(self._drain_until_s - time.monotonic(), 0.0))
        wake_at_ns = self._delivery.wake_at_ns
        if wake_at_ns is not None:
            sleep_s = min(sleep_s, max((wake_at_ns - self._clock.stamp().monotonic_ns) / 1e9, 0.0))
        return sleep_s

    def _say_goodbye(self) -> None:
        self._link.publish(self._delivery.goodbye)
        until_s = time.monotonic() + GOODBYE_S
        while self._link.unconfirmed() and time.monotonic() < until_s:
            self._link.pump(max(until_s - time.monotonic(), 0.0))
