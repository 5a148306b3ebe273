"""Short messages as a paging channel: what is sent, what comes back as reports and as answers."""

import threading
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from gateway.pager.at_modem import AtModem, ModemState
from gateway.pager.channels import Outgoing, Taken
from gateway.pager.sms_pdu import Incoming, StatusReport

_PARTS_WAIT: Final = timedelta(seconds=60)
"""So long the other parts of a long message may take; then what is there is read."""


class SmsChannel:
    """One modem. What comes in is kept here until the inbox asks for it."""

    def __init__(self, name: str, modem: AtModem) -> None:
        """The modem's listener becomes this channel."""
        self.name: Final = name
        self._modem = modem
        self._lock = threading.Lock()
        self._reports: deque[StatusReport] = deque(maxlen=10_000)
        self._whole: list[Incoming] = []
        self._parts: dict[tuple[str, int], tuple[datetime, dict[int, Incoming]]] = {}
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

    def fetch(self, now: datetime) -> list[Incoming]:
        """Everything that lies in the modem, long messages joined; it is deleted there.

        Raises:
            ModemError: it does not answer.
        """
        self._modem.fetch()
        with self._lock:
            whole, self._whole = self._whole, []
            for key, (since, parts) in list(self._parts.items()):
                if since == _UNDATED:
                    self._parts[key] = (now, parts)
                elif now - since > _PARTS_WAIT:
                    del self._parts[key]
                    whole.append(_join(parts.values()))
        return whole

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
        if isinstance(message, StatusReport):
            self._reports.append(message)
            return
        with self._lock:
            if message.parts <= 1:
                self._whole.append(message)
                return
            key = (message.sender, message.reference)
            _, parts = self._parts.setdefault(key, (_UNDATED, {}))
            parts[message.part] = message
            if len(parts) == message.parts:
                del self._parts[key]
                self._whole.append(_join(parts.values()))


_UNDATED: Final = datetime.min  # noqa: DTZ901 - compared by identity of value only, never with a time


def _join(parts: Iterable[Incoming]) -> Incoming:
    in_order = sorted(parts, key=lambda part: part.part)
    return Incoming(in_order[0].sender, in_order[0].sent_at, "".join(part.text for part in in_order))
