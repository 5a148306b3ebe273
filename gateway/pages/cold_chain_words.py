"""Words of the cold chain's pages: advice and its ground, who measured, what a logger's report is worth."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.state import Mood
from gateway.pages.translations import N_

ADVICE: Final[Mapping[str, tuple[Mood, str]]] = MappingProxyType(
    {
        "release": ("ok", N_("Release")),
        "destroy": ("stop", N_("Destroy")),
        "ask_maker": ("attention", N_("Ask the maker, then decide")),
    }
)
GROUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "nothing_outside": N_("It was never outside its limits."),
        "within_budget": N_("It was outside for less than its maker allows."),
        "over_budget": N_("It was too warm for longer than its maker allows."),
        "too_warm": N_("It was warmer than its maker allows at all."),
        "frozen": N_("It was at -0.5 °C or below: taken for frozen."),
        "not_all_known": N_("For some time nobody measured."),
        "no_budget": N_("It was outside, and its maker's allowance is not in the catalogue."),
    }
)
SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "thermometer": N_("Thermometer of the place"),
        "logger": N_("Logger that travelled along"),
        "both": N_("Thermometer and logger"),
        "nothing": N_("Nobody measured"),
        "not_asked": N_("Out of the hospital's hands"),
    }
)
OUTCOMES: Final[Mapping[str, tuple[Mood, str, str]]] = MappingProxyType(
    {
        "counts": ("ok", N_("It counts"), N_("The report is whole.")),
        "cut_off": ("stop", N_("Cut off"), N_("Its end with the signature is missing. Copy it from the logger again.")),
        "altered": ("stop", N_("Changed"), N_("Its content is not what the logger signed. Find out who changed it.")),
        "other_key": (
            "stop",
            N_("Not of this logger"),
            N_("It is signed by another key than this logger's reports before. Find out where it was made."),
        ),
        "unreadable": ("stop", N_("Unreadable"), N_("It is no report that can be read. Look at what is wrong below.")),
    }
)
"""Mood, word, what to do."""
STATES: Final[Mapping[str, str]] = MappingProxyType(
    {"waiting_second": N_("Waits for a second person"), "done": N_("Done"), "cancelled": N_("Taken back")}
)
SEVERITIES: Final[Mapping[str, str]] = MappingProxyType({"warning": N_("Warning"), "critical": N_("Critical")})
MODES: Final[Mapping[str, str]] = MappingProxyType({"consecutive": N_("at a stretch"), "accumulated": N_("in all")})
CHART: Final[Mapping[str, str]] = MappingProxyType(
    {
        "line": N_("Temperature"),
        "band": N_("From lowest to highest"),
        "limit": N_("Limit"),
        "excursion": N_("Outside, with alarm"),
        "excursion_short": N_("Outside, no alarm"),
        "gap": N_("Nobody measured"),
        "offline": N_("Out of order"),
        "mark": N_("Door open"),
    }
)
REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "rule_scope": N_("A rule is of a storage class or of a place. Choose one of them."),
        "rule_wrong": N_(
            "The rule can't be like this. Check its name, limit, minutes and how far back inside it must be."
        ),
        "report_too_big": N_("The file is empty or larger than 20 MB. Choose the logger's report."),
        "report_for_nothing": N_("Say what the report belongs to: a receipt, a transfer, or a place; one of them."),
        "assessment_unknown": N_("There is no such judgement. Open the excursion again."),
        "assessment_over": N_("It does not wait any more. Look at what became of it."),
        "assessment_not_confirmed": N_("A second person has not confirmed it yet. The minutes come after that."),
        "nothing_decided": N_("Nothing was decided. Choose for at least one line what becomes of it."),
        "goods_on_the_way": N_("%(product)s, lot %(lot)s, is still on its way. Receive it first, then destroy it."),
    }
)
