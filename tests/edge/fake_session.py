"""A small supervisor for driver tests: records what a driver says, and runs it again when its device was lost.

It implements `edge.drivers.driver.DeviceSession` without thinning out repeated faults and without an outbox.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from edge.clock import Clock, Stamp, SystemClock
from edge.contracts.observations import Event, Telemetry
from edge.drivers.driver import DeviceLostError, Driver, SessionEndedError

ObservationT = TypeVar("ObservationT", bound=Event | Telemetry)


@dataclass(frozen=True)
class Fault:
    """One call of `DeviceSession.fault`."""

    code: str
    detail: str
    raw: bytes


class FakeSession:
    """Records everything; thread-safe. `wait_for` polls with a deadline, so tests never sleep for fixed times."""

    def __init__(self, clock: Clock | None = None) -> None:
        """`clock` gives the stamps; the machine's own by default."""
        self._clock = clock or SystemClock()
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._ended = False
        self.observations: list[Event | Telemetry] = []
        self.faults: list[Fault] = []
        self.ups: list[str] = []
        self.losses: list[DeviceLostError] = []
        self.failures: list[BaseException] = []
        self.alive_count = 0

    @property
    def stopping(self) -> bool:
        """True after `stop`."""
        return self._stop.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep until the time is up or the session stops."""
        self.alive()
        stopped = self._stop.wait(timeout_s)
        self.alive()
        return stopped

    def stamp(self) -> Stamp:
        """Now, by the injected clock."""
        return self._clock.stamp()

    def alive(self) -> None:
        """Count it; ends a thread that was given up."""
        self._record(lambda: None)
        self.alive_count += 1

    def up(self, detail: str = "") -> None:
        """Keep each call: `ups` grows by one for each."""
        self._record(lambda: self.ups.append(detail))

    def emit(self, observation: Event | Telemetry) -> None:
        """Keep it."""
        self._record(lambda: self.observations.append(observation))

    def fault(self, code: str, detail: str, raw: bytes = b"") -> None:
        """Keep it."""
        self._record(lambda: self.faults.append(Fault(code, detail, raw)))

    def stop(self) -> None:
        """As when the agent stops."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def end(self) -> None:
        """As when a supervisor gives a run up: every further call raises SessionEndedError."""
        self._ended = True
        self.stop()

    def of_kind(self, kind: type[ObservationT]) -> list[ObservationT]:
        """The observations of one kind, in order."""
        with self._changed:
            return [observation for observation in self.observations if isinstance(observation, kind)]

    def fault_codes(self) -> list[str]:
        """Codes of the faults, in order."""
        with self._changed:
            return [fault.code for fault in self.faults]

    def wait_for(self, predicate: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Return as soon as `predicate` holds; it is looked at after every call of the driver and every 20 ms.

        Raises:
            AssertionError: it did not hold in time. The message shows all that was recorded.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not predicate():
                if time.monotonic() >= deadline:
                    raise AssertionError(f"not true within {timeout_s} s; {self.describe()}")
                self._changed.wait(0.02)

    def describe(self) -> str:
        """All that was recorded, for a failing test's message."""
        return (
            f"ups={self.ups!r} losses={self.losses!r} failures={self.failures!r} faults={self.faults!r} "
            f"observations={self.observations!r}"
        )

    def lost(self, error: DeviceLostError) -> None:
        """Called by `RunningDriver` when a run ended because the device was lost."""
        self._record(lambda: self.losses.append(error))

    def failed(self, error: BaseException) -> None:
        """Called by `RunningDriver` when a run ended by any other exception."""
        with self._changed:
            self.failures.append(error)
            self._changed.notify_all()

    def _record(self, keep: Callable[[], None]) -> None:
        with self._changed:
            if self._ended:
                raise SessionEndedError
            keep()
            self._changed.notify_all()


class RunningDriver:
    """Runs a driver in a thread for the length of a `with` block, and again `retry_s` after its device was lost.

    Leaving the block stops the session, aborts the driver if it does not end in 20 s, and fails the test if the thread
    goes on or if the driver ended by anything but DeviceLostError.
    """

    def __init__(self, driver: Driver, session: FakeSession, retry_s: float = 0.05) -> None:
        """`retry_s`: pause before each new try, in seconds."""
        self._driver = driver
        self._session = session
        self._retry_s = retry_s
        self._thread = threading.Thread(target=self._run, name=f"driver {driver.device_id}", daemon=True)

    def __enter__(self) -> FakeSession:
        """Start the driver."""
        self._thread.start()
        return self._session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it and check how it ended."""
        self._session.stop()
        self._thread.join(20)
        if self._thread.is_alive():
            self._driver.abort()
            self._thread.join(20)
        if error is None:
            assert not self._thread.is_alive(), f"the driver goes on after stop and abort; {self._session.describe()}"
            assert self._session.failures == [], self._session.describe()

    def _run(self) -> None:
        try:
            while not self._session.stopping:
                self._run_once()
        except SessionEndedError:
            return
        except BaseException as error:  # noqa: BLE001 - the test shall see whatever ended the driver
            self._session.failed(error)

    def _run_once(self) -> None:
        try:
            self._driver.run(self._session)
        except DeviceLostError as error:
            self._session.lost(error)
            self._session.wait(self._retry_s)
