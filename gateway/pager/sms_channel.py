"""Short messages as a paging channel: what is sent, what comes back as reports and as answers."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from gateway.pager.at_modem import AtModem, ModemState
from gateway.pager.channels import Outgoing, Taken
from gateway.pager.sms_pdu import Incoming, StatusReport

_PARTS_WAIT: Final = timedelta(seconds=60)
"""So long the other parts of a long message may take; then what is there is read."""


class SmsChannel:
    """One modem. What comes in waits in its memory until the inbox has stored it."""

    def __init__(self, name: str, modem: AtModem) -> None:
        """The modem's listener becomes this channel."""
        self.name: Final = name
        self._modem = modem
        self._lock = threading.Lock()
        self._reports: deque[StatusReport] = deque(maxlen=10_000)
        self._store: Callable[[Incoming], None] = _nowhere
        self._parts: dict[tuple[str, int], tuple[datetime | None, dict[int, Incoming]]] = {}
        modem.listen(self._came)

    def deliver(self, outgoing: Outgoing) -> Taken:
        """Send it; its delivery report names the reference that is returned.

        Raises:
            ModemError: the modem did not take it.
        """
        return Taken(str(self._modem.send(outgoing.address, outgoing.words.short)))

    def close(self) -> None:
        """Let go of the line."""
        self._modem.close()

    @property
    def has_news(self) -> bool:
        """Whether something came in."""
        return bool(self._reports) or self._modem.has_news

    def state(self) -> ModemState:
        """Network and signal.

        Raises:
            ModemError: it does not answer.
        """
        return self._modem.state()

    def fetch(self, now: datetime, store: Callable[[Incoming], None]) -> None:
        """Hand over everything that lies in the modem, long messages joined; what was stored is deleted there.

        Raises:
            ModemError: it does not answer.
            Exception: whatever `store` raises; that message stays in the modem.
        """
        with self._lock:
            self._store = store
            self._modem.fetch()
            for key, (since, parts) in list(self._parts.items()):
                if since is None:
                    self._parts[key] = (now, parts)
                elif now - since > _PARTS_WAIT:
                    store(_join(parts.values()))
                    del self._parts[key]

    def reports(self) -> list[StatusReport]:
        """Those that came since they were asked for last."""
        found = []
        while self._reports:
            found.append(self._reports.popleft())
        return found

    def give_back(self, report: StatusReport) -> None:
        """It belongs to nothing yet: it may have been faster than the row of its message."""
        self._reports.append(report)

    def _came(self, message: Incoming | StatusReport) -> None:
        """Reports come from the modem's thread at any time, messages from within `fetch`."""
        if isinstance(message, StatusReport):
            self._reports.append(message)
            return
        if message.parts <= 1:
            self._store(message)
            return
        key = (message.sender, message.reference)
        _, parts = self._parts.setdefault(key, (None, {}))
        parts[message.part] = message
        if len(parts) == message.parts:
            self._store(_join(parts.values()))
            del self._parts[key]


def _nowhere(_message: Incoming) -> None:
    raise RuntimeError("messages are handed over by fetch alone")


def _join(parts: Iterable[Incoming]) -> Incoming:
    in_order = sorted(parts, key=lambda part: part.part)
    return Incoming(in_order[0].sender, in_order[0].sent_at, "".join(part.text for part in in_order))
