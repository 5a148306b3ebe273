"""A recorder that shows what it has kept: the screen says "saved" only of what is on disk."""

from edge.contracts.observations import CardPresented, CardRemoved, Event, Telemetry
from edge.desk_screen.screen import DeskScreen
from edge.recorder import Recorder


class WatchingRecorder:
    """A `Recorder` (edge/recorder.py) around another."""

    def __init__(self, inner: Recorder, screen: DeskScreen) -> None:
        """What `inner` keeps of cards is shown on `screen`."""
        self._inner = inner
        self._screen = screen

    def record_event(self, event: Event) -> None:
        """Keep it, then show it. Raises what the inner recorder raises; then nothing is shown."""
        self._inner.record_event(event)
        if isinstance(event, CardPresented):
            self._screen.show(event)
        elif isinstance(event, CardRemoved):
            self._screen.removed(event)

    def record_telemetry(self, telemetry: Telemetry) -> None:
        """Nothing to show."""
        self._inner.record_telemetry(telemetry)
