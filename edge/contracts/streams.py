"""The two streams of an edge node."""

from enum import StrEnum


class Stream(StrEnum):
    """Name of a stream; each has its own gap-free sequence numbers and its own mark.

    `EVENTS` rows are committed one by one before anyone sees "saved"; `TELEMETRY` rows are committed in groups.
    Two streams, so that a tap never waits behind a backlog of temperatures.
    """

    EVENTS = "events"
    TELEMETRY = "telemetry"
