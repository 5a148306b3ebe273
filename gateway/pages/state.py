"""A state as it is shown everywhere: by shape, word, colour and sound together, never by colour alone (WCAG 1.4.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Mood = Literal["ok", "info", "attention", "stop", "unknown"]
"""Decides shape, colour and sound: disc, square, triangle, octagon, diamond."""
Sound = Literal["ok", "again", "attention", "stop", "alarm"]
_SOUNDS: Final[Mapping[Mood, Sound]] = MappingProxyType(
    {"ok": "ok", "info": "ok", "attention": "attention", "stop": "stop", "unknown": "attention"}
)


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

    tone: Literal["", "again", "alarm"] = ""
    """A sound of its own; empty: the mood's."""

    @property
    def sound(self) -> Sound:
        """Which of the sounds."""
        return self.tone or _SOUNDS[self.mood]
