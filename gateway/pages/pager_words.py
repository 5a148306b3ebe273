"""The words of the pager's pages: states of channels, steps of a drill, levels, and what the pager refuses."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.state import State
from gateway.pages.translations import N_

LEVELS: Final[Mapping[int, str]] = MappingProxyType({1: N_("Person on call"), 2: N_("Second person"), 3: N_("Head")})
WEEKDAYS: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: N_("Monday"),
        2: N_("Tuesday"),
        3: N_("Wednesday"),
        4: N_("Thursday"),
        5: N_("Friday"),
        6: N_("Saturday"),
        7: N_("Sunday"),
    }
)
HOLIDAYS: Final[Mapping[str, str]] = MappingProxyType(
    {"as_usual": N_("Holidays as usual"), "only": N_("Only on holidays"), "never": N_("Not on holidays")}
)
SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {"layer": N_("by the schedule"), "override": N_("instead of somebody"), "hole": N_("Nobody on call")}
)
HOLE_WHY: Final[Mapping[str, str]] = MappingProxyType(
    {"nobody": N_("Nobody is named."), "unreachable": N_("Whoever is named has no way to be reached.")}
)
CHANNEL_STATES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "ok": State("ok", N_("Works"), N_("What was sent last was taken.")),
        "failing": State("attention", N_("Failing"), N_("The last attempt failed; it is tried again.")),
        "dead": State(
            "stop",
            N_("Dead"),
            N_("Pages go to people's next channel. Look at the modem, the server or the network."),
        ),
        "unknown": State("unknown", N_("Not tried yet"), N_("Nothing was sent by it so far. Send a test.")),
    }
)
CHANNEL_DETAILS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no_receipt": N_("It takes messages, and no delivery report comes."),
        "probe_missing": N_("It takes messages, and the probe does not come back."),
    }
)
RECEIPTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "delivered": N_("reports each delivery"),
        "probe": N_("proven by probes"),
        "none": N_("no proof: a critical page also goes to the next channel"),
    }
)
STEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "injected": N_("Readings made"),
        "decoded": N_("Read by the ingest"),
        "judged": N_("Judged, incident raised"),
        "paged": N_("Page written for a person"),
        "handed": N_("Taken by a channel"),
        "arrived": N_("Arrived, as the channel says"),
        "acknowledged": N_("Acknowledged"),
        "missed": N_("It did not begin in time"),
    }
)
DRILL_STATES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "running": State("info", N_("Running"), N_("The person on call has a page now.")),
        "passed": State("ok", N_("Passed"), N_("The whole way works.")),
        "failed": State("stop", N_("Failed"), N_("A step was not reached.")),
    }
)
REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no_such_person": N_("There is no account %(person)s in use. Make it first."),
        "no_such_channel": N_("There is no channel %(channel)s. There are: %(known)s."),
        "no_such_contact": N_("There is no such contact any more. Load the page again."),
        "no_such_layer": N_("There is no such layer any more. Load the page again."),
        "no_such_override": N_("There is no such change any more. Load the page again."),
        "bad_number": N_("%(text)s is no telephone number. Write digits, such as 0901234567."),
        "no_address": N_("Write an address of 1 to 200 characters, without spaces."),
        "too_many_contacts": N_("This person has nine contacts. Remove one first."),
        "bad_span": N_("The end must be after the start, and still to come."),
        "no_reason": N_("Say why: the next person reads it."),
        "no_note": N_("The note is empty. Write what the next person must know."),
        "nothing_to_swap": N_("Choose two shifts of two different people."),
        "drill_running": N_("A drill is running already. Wait for its end."),
        "bad_layer": N_("The layer is not right: %(what)s"),
        "bad_time": N_("A day or a time is not right. Write it as 31/12/2026 and 07:30."),
        "pager_refused": N_("This can't be done as it was asked for."),
    }
)
