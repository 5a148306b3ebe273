"""Where a supervisor hands observations over: the outbox, seen from the devices."""

from typing import Protocol

from edge.contracts.observations import Event, Telemetry


class Recorder(Protocol):
    """Keeps observations. Called from many threads at once.

    Any exception means "not kept": the supervisor holds the observation, reports the device down and hands the same
    observation over again later. So an implementation that raises must not have kept it.
    """

    def record_event(self, event: Event) -> None:
        """Keep one event; durable (committed to disk) on return."""
        ...

    def record_telemetry(self, telemetry: Telemetry) -> None:
        """Accept one reading into the open group; durable when the group is committed."""
        ...
