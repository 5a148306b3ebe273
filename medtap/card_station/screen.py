"""What a station's terminal shows: each card with what came of it, and a batch's progress."""

import sys
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from medtap.cli.output import print_json

_WORDS: Final = {
    "look": "looking at the card",
    "number": "number",
    "keys": "keys",
    "write": "writing",
    "key": "key pair on the card",
    "certificate": "certificate",
    "prove": "the card proves itself",
    "silence": "clearing",
    "finish": "finishing",
}


class Screen:
    """For a person at a terminal; with `as_json` one JSON object for each thing that is said."""

    def __init__(self, *, as_json: bool = False) -> None:
        """`as_json`: for scripts."""
        self._as_json = as_json
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self.batch: dict[str, Any] = {}
        """The last that was said of the batch."""

    def begin_batch(self, state: dict[str, Any]) -> None:
        """Show how far a batch is."""
        self.batch = dict(state)
        if self._as_json:
            print_json({"what": "batch", **state})
            return
        self._progress = Progress(
            TextColumn("batch {task.fields[number]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=Console(file=sys.stdout),
        )
        done = state["done"] + state["skipped"]
        self._task = self._progress.add_task(
            "put a card on the reader", total=state["total"], completed=done, number=state["number"]
        )
        self._progress.start()

    def said(self, message: dict[str, Any]) -> None:
        """One thing that the gateway, or the station, says."""
        if self._as_json:
            print_json({name: value for name, value in message.items() if name != "type"})
        match message.get("what"):
            case "batch":
                self.batch = {name: value for name, value in message.items() if name not in {"what", "type"}}
                self._advance(message)
            case "step":
                self._describe(_WORDS.get(message["step"], message["step"]))
            case "outcome":
                sign = "ok" if message.get("good") else "!!"
                self._line(f"{sign}  {message['text']}")
                self._describe("take it away; the next card" if message.get("good") else "see above")
            case "connected":
                self._describe("put a card on the reader")
                if self._progress is None:
                    self._line("connected; put a card on the reader")
            case "lost":
                self._line("!!  the gateway is not to be reached; trying again")
            case "let_go":
                self._line("!!  the gateway has let this station go")

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._progress is not None:
            self._progress.stop()

    def _advance(self, message: dict[str, Any]) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=message["done"] + message["skipped"], total=message["total"])

    def _describe(self, text: str) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=text)

    def _line(self, text: str) -> None:
        if self._as_json:
            return
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False)
        else:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
