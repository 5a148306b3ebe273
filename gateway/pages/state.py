"""A state as it is shown everywhere: by shape, word, colour and sound together, never by colour alone (WCAG 1.4.1)."""

from dataclasses import dataclass
from typing import Literal

Mood = Literal["ok", "info", "attention", "stop", "unknown"]
"""Decides shape, colour and sound: disc, square, triangle, octagon, diamond."""


@dataclass(frozen=True)
class State:
    """What to show for one outcome or condition. All texts are msgids."""

    mood: Mood
    word: str
    """The largest word on the screen."""
    sentence: str = ""
    """What it means."""
    next_step: str = ""
    """What to do now."""
    sign: str = ""
    """The sign inside the shape, by its name in the templates' macros; empty: the shape's own."""

    @property
    def sound(self) -> Literal["ok", "attention", "stop"]:
        """Which of the three sounds."""
        return {"ok": "ok", "info": "ok", "attention": "attention", "stop": "stop", "unknown": "attention"}[self.mood]  # type: ignore[return-value]
