"""What incidents are called on pages: states, causes, what happened, refusals. Kinds have the pager's words."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.state import State
from gateway.pages.translations import N_

STATES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "active_unacknowledged": State(
            "stop",
            N_("Alarm"),
            N_("It goes on, and nobody has acknowledged it."),
            N_("Go there or call. Then acknowledge with a comment so that others know."),
        ),
        "active_acknowledged": State(
            "attention",
            N_("Acknowledged, still so"),
            N_("Somebody is looking after it; it goes on. It is paged again until it ends."),
        ),
        "returned_unacknowledged": State(
            "attention",
            N_("Back to normal, not acknowledged"),
            N_("It is over by itself, but nobody has acknowledged it."),
            N_("Find out what happened and acknowledge with a comment."),
        ),
        "shelved": State(
            "info", N_("Shelved"), N_("It is paged again when the time is over, or when it becomes worse.")
        ),
        "out_of_service": State(
            "info", N_("Out of service"), N_("Somebody is working on it; nothing is paged until the time is over.")
        ),
        "over": State("ok", N_("Over"), N_("Back to normal and acknowledged.")),
    }
)
SEVERITIES: Final = MappingProxyType({"critical": N_("Critical"), "warning": N_("Warning")})
CAUSES: Final = MappingProxyType(
    {
        "power": N_("Power cut"),
        "door": N_("Door open"),
        "defrost": N_("Defrosting"),
        "compressor": N_("No cooling: power is on and the door is shut"),
        "sensor": N_("The thermometer"),
        "network": N_("Only the network: everything was measured and has come in since"),
        "node_off": N_("The edge node was off: nothing was measured meanwhile"),
    }
)
EVIDENCE: Final = MappingProxyType(
    {
        "power": N_("%(contact)s: off for %(minutes)s min"),
        "door": N_("open %(times)s times, %(minutes)s min in all"),
        "defrost": N_("%(times)s short rises before, one every %(period_h)s h"),
        "network": N_("%(readings)s of about %(expected)s readings came in afterwards"),
        "node_off": N_("%(readings)s of about %(expected)s readings came in afterwards"),
    }
)
CHIPS: Final = (
    N_("On my way"),
    N_("Door closed"),
    N_("Stock moved to the spare fridge"),
    N_("Power is back"),
    N_("Technician called"),
    N_("Thermometer checked by eye: all well"),
)
"""Comments for one tap."""
JOURNAL: Final = MappingProxyType(
    {
        "raised": N_("Raised"),
        "condition_added": N_("More found"),
        "condition_back": N_("Found again"),
        "condition_ended": N_("Ended"),
        "worse": N_("Became worse"),
        "again": N_("Came back"),
        "returned": N_("Back to normal"),
        "closed": N_("Over"),
        "paged": N_("Paged"),
        "acknowledged": N_("Acknowledged"),
        "acknowledgement_lapsed": N_("Acknowledgement counts no more"),
        "commented": N_("Comment"),
        "shelved": N_("Shelved"),
        "unsilenced": N_("Not silenced any more"),
        "out_of_service": N_("Out of service"),
        "escalated": N_("Passed on to the next person"),
        "cause": N_("Cause found"),
    }
)
END_REASONS: Final = MappingProxyType(
    {
        "moved": N_("the thermometer was moved to another place"),
        "rule_changed": N_("the rule was changed"),
        "not_watched": N_("it is not watched any more"),
        "removed": N_("it is not used any more"),
    }
)
DOUBTS: Final = MappingProxyType(
    {
        "stuck": N_("the value has not moved for hours"),
        "power_on_value": N_("85.0 °C, what a sensor says before it has measured"),
        "jump": N_("a jump that no fridge can make"),
        "out_of_range": N_("outside what the sensor can measure"),
        "disagree": N_("two thermometers of one place disagree"),
    }
)
OCCASIONS: Final = MappingProxyType(
    {
        "raised": N_("new"),
        "again": N_("again"),
        "worse": N_("worse"),
        "still_out": N_("still so"),
        "drill": N_("drill"),
    }
)
CHANNELS: Final = MappingProxyType({"page": N_("page"), "api": N_("program"), "sms": N_("SMS"), "link": N_("link")})
SHELVE_MINUTES: Final = (30, 60, 120, 240, 480)
LEVELS: Final = MappingProxyType({1: N_("On call now"), 2: N_("Second person"), 3: N_("Head")})
REFUSED: Final = N_("This can't be done")
REFUSALS: Final = MappingProxyType(
    {
        "comment_missing": N_("Write what you have found or done: the next shift reads it."),
        "incident_not_found": N_("There is no such open incident."),
        "incident_over": N_("The incident is over: there is nothing left to silence."),
        "end_is_past": N_("The end is not later than now. Choose an end in the future."),
        "silenced_too_long": N_("Too long: at most %(hours)s hours. Do it again then if it is still needed."),
        "not_a_subject": N_("Name a place or a device."),
        "limit_unknown": N_("There is no such figure."),
        "limit_range": N_("%(value)s is not possible here: from %(least)s to %(most)s."),
    }
)
