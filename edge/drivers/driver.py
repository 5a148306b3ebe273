"""The seam between a driver and its supervisor.

A driver is blocking code that the supervisor runs in a thread of its own: `run` opens the device, reads for ever, and
hands each observation to the session. When `run` ends by an exception, the exception is the decision:
`DeviceLostError` is retried with back-off, `DeviceMisconfiguredError` is fatal. When `run` is silent for longer than
`watchdog_s` (no `alive()`), the supervisor declares the device hung, calls `abort()` from another thread and starts
anew.
"""

from typing import Protocol

from edge.clock import Stamp
from edge.contracts.observations import Event, Telemetry


class DeviceLostError(Exception):
    """The device is away, hung or talking nonsense: report it down, try again later. The message names the mend."""


class DeviceMisconfiguredError(Exception):
    """Trying again can't help (wrong path syntax, missing extra): the agent refuses to start the device."""


class SessionEndedError(BaseException):
    """Raised by a session's methods in a thread that the supervisor has given up: it ends and is never heard again.

    A BaseException: no driver's `except Exception` may swallow it.
    """


class DeviceSession(Protocol):
    """One run of one driver, as the driver sees it. Every method may be called from any thread."""

    @property
    def stopping(self) -> bool:
        """True when the agent is stopping: `run` shall return soon."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Sleep, but wake at once (and return True) when the agent is stopping. The watchdog sleeps meanwhile."""
        ...

    def stamp(self) -> Stamp:
        """Now, on both clocks: take it as near to the silicon as possible."""
        ...

    def alive(self) -> None:
        """The driver is not hung. Called at least every `watchdog_s`."""
        ...

    def up(self, detail: str = "") -> None:
        """The device answers. Reports the state once per change."""
        ...

    def emit(self, observation: Event | Telemetry) -> None:
        """Hand over an observation; return when it is kept: an event on disk, telemetry in the open group.

        Raises:
            SessionEndedError: this run was given up, or the observation could not be kept (then the supervisor holds
                it and this run is over).
        """
        ...

    def fault(self, code: str, detail: str, raw: bytes = b"") -> None:
        """Report something refused: a `DeviceFaulted` row.

        Repeats of one code are thinned out to one a minute, with the number left out in the next detail, so that a
        broken sensor can't flood the outbox.
        """
        ...


class Driver(Protocol):
    """One device."""

    @property
    def device_id(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def kind(self) -> str:
        """The driver's name in the configuration (`ds18b20`, `llrp`, ...)."""
        ...

    @property
    def watchdog_s(self) -> float:
        """Longest silence of a healthy `run`, in seconds."""
        ...

    def run(self, session: DeviceSession) -> None:
        """Open the device and read until `session.stopping`.

        Raises:
            DeviceLostError: try again later.
            DeviceMisconfiguredError: never try again.
        """
        ...

    def abort(self) -> None:
        """Called from another thread when `run` hangs: close what it blocks on. Must not raise nor block."""
        ...
