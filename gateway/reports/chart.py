"""A chart over time, laid out but not drawn: the same for a printed page (`pdf_chart.py`) and for a web page's SVG.

Lengths are points from the upper left corner. What is not known is not drawn: a line is broken where readings are
missing.
"""

from dataclasses import dataclass
from typing import Literal

ShadeKind = Literal["excursion", "excursion_short", "gap", "offline"]


@dataclass(frozen=True)
class ChartTick:
    """A line of a scale with its label."""

    at: float
    text: str


@dataclass(frozen=True)
class ChartShade:
    """A time that stands out, over the whole height."""

    left: float
    right: float
    kind: ShadeKind
    text: str = ""
    """What it was, for whoever points at it."""


@dataclass(frozen=True)
class ChartMark:
    """A short time on the lower edge: a door that was open."""

    left: float
    right: float
    text: str = ""


@dataclass(frozen=True)
class ChartLine:
    """One instrument's values."""

    name: str
    pieces: tuple[tuple[tuple[float, float], ...], ...]
    """Unbroken pieces of its mean, as (x, y)."""
    bands: tuple[tuple[tuple[float, float, float], ...], ...] = ()
    """Between its extremes, as (x, y of the highest, y of the lowest); empty where each point is one reading."""


@dataclass(frozen=True)
class LineChart:
    """All that is to be drawn."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    """The frame of the values, within width and height."""
    lines: tuple[ChartLine, ...]
    values: tuple[ChartTick, ...]
    times: tuple[ChartTick, ...]
    limits: tuple[ChartTick, ...] = ()
    shades: tuple[ChartShade, ...] = ()
    marks: tuple[ChartMark, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    """(what is drawn: line, band, limit, mark or a kind of shade; its word)."""
