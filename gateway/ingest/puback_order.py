"""The order of PUBACKs: that in which the messages came (MQTT 5 section 4.6), whoever is done first. Not thread-safe.

rumqttd ends a connection whose PUBACKs come in another order.
"""

from collections import deque
from collections.abc import Iterable


class PubackOrder:
    """Of one connection. Holds a packet identifier for each message that is not yet let go; a broker bounds them."""

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()
        """Packet identifiers, in the order of arrival."""
        self._first = 0
        """Number of the first of them."""
        self._settled: dict[int, bool] = {}
        """By number: True, to be let go; False, left with the broker."""

    def arrived(self, packet_id: int) -> int:
        """A message that wants a PUBACK has come; its number."""
        self._waiting.append(packet_id)
        return self._first + len(self._waiting) - 1

    def settle(self, numbers: Iterable[int], *, let_go: bool) -> list[int]:
        """These may be let go, or (`let_go` false) stay with the broker and hold up nothing; the first word counts.

        Returns:
            Packet identifiers of the PUBACKs that may leave now, in their order.
        """
        for number in numbers:
            if number >= self._first:
                self._settled.setdefault(number, let_go)
        ready = []
        while self._waiting and self._first in self._settled:
            packet_id = self._waiting.popleft()
            if self._settled.pop(self._first):
                ready.append(packet_id)
            self._first += 1
        return ready
