"""The outbox as the drivers' supervisor sees it."""

from edge.contracts.observations import DeviceFaulted, Event, NfcTagRead, Telemetry
from edge.outbox import Outbox, RowTooLargeError


class OutboxRecorder:
    """A `Recorder` (edge/recorder.py) over an outbox."""

    def __init__(self, outbox: Outbox) -> None:
        """Keep observations in this outbox."""
        self._outbox = outbox

    def record_event(self, event: Event) -> None:
        """Keep one event, durably.

        One that fits into no frame is kept as the fault that it is: tried again, it would block its device for ever.

        Raises:
            OutboxError: not kept.
        """
        try:
            self._outbox.append_event(event)
        except RowTooLargeError as error:
            self._outbox.append_event(
                DeviceFaulted(
                    device_id=event.device_id,
                    occurred_at=event.occurred_at,
                    monotonic_ns=event.monotonic_ns,
                    code="ndef_unreadable" if isinstance(event, NfcTagRead) else "bad_reply",
                    detail=f"too large to be sent: {error}"[:500],
                )
            )

    def record_telemetry(self, telemetry: Telemetry) -> None:
        """Accept one reading into the open group.

        Raises:
            OutboxError: not kept.
        """
        self._outbox.append_telemetry(telemetry)
