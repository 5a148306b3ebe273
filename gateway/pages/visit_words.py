"""What pages call things of visits: priorities, states, steps, hints, what the insurance said, refusals."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.state import State
from gateway.pages.translations import N_
from gateway.visits.priority import Priority

PRIORITIES: Final[Mapping[Priority, str]] = MappingProxyType(
    {
        "none": N_("No priority"),
        "emergency": N_("Emergency"),
        "child_under_6": N_("Child under 6"),
        "elderly": N_("75 years or older"),
        "pregnant": N_("Pregnant"),
        "disabled": N_("Severely disabled"),
        "merit": N_("Merit to the revolution"),
        "appointment": N_("Appointment"),
    }
)
PHASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "waiting": N_("waiting"),
        "called": N_("called"),
        "in_room": N_("in the room"),
        "absent": N_("missed the call"),
        "done": N_("seen"),
        "left": N_("left"),
        "transferred": N_("sent to another clinic"),
        "withdrawn": N_("number withdrawn"),
    }
)
STEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "opened": N_("Checked in"),
        "came_again": N_("Came to the desk again"),
        "queued": N_("Got a number"),
        "prioritised": N_("Priority set"),
        "called": N_("Called"),
        "recalled": N_("Called again"),
        "entered": N_("Came in"),
        "missed": N_("Did not come"),
        "returned": N_("Came back"),
        "finished": N_("Visit ended"),
        "left": N_("Left without being seen"),
        "transferred": N_("Sent to another clinic"),
        "withdrawn": N_("Number withdrawn"),
        "undone": N_("Last step undone"),
    }
)
IDENTIFIED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "card": N_("Health card"),
        "citizen_card": N_("Citizen card"),
        "insurance_card": N_("Insurance card"),
        "patient_number": N_("Patient number"),
        "search": N_("Found by name, papers compared"),
        "guardian": N_("Through a guardian"),
        "registered": N_("Registered just now"),
        "program": N_("By another program"),
    }
)
BY_PAPERS: Final = ("citizen_card", "insurance_card", "search", "guardian")
"""How a clerk may know who it is without a card."""
HINTS: Final[Mapping[str, State]] = MappingProxyType(
    {
        "appointment_today": State("ok", N_("Has an appointment today: %(when)s, %(clinic)s")),
        "appointment_other_day": State("attention", N_("Wrong day: the appointment is on %(date)s, %(clinic)s")),
        "appointment_other_clinic": State("attention", N_("Wrong clinic: the appointment is at %(clinic)s, %(when)s")),
        "missed_call": State("attention", N_("Missed the call for %(ticket)s: take them back into the queue")),
        "visit_over": State("info", N_("Was seen today already, with number %(ticket)s")),
        "told_late": State(
            "info", N_("Came at %(came_at)s; the message arrived late, because the desk was without network")
        ),
    }
)
ANY_TIME: Final = N_("any time that day")
CONFIDENCE: Final[Mapping[str, State]] = MappingProxyType(
    {
        "proven": State("ok", N_("Identity proven")),
        "documented": State("ok", N_("Identity by papers")),
        "stated": State("attention", N_("Identity only stated: ask for papers")),
        "unknown": State("unknown", N_("Identity unknown")),
    }
)

_WRITTEN: Final = N_("Compare the card with what is recorded, correct it, then ask again.")
_NOT_PAID: Final = N_("Ask for a newer card. Without one the patient pays in full.")
_FORCE: Final = N_("Look at the card and the identity papers.")
_SERVICE: Final = N_("Nothing to do: it is asked again by itself.")
_OURS: Final = N_("Tell your administrator: the hospital's access has to be put right. It is asked again by itself.")
INSURANCE: Final[Mapping[str, State]] = MappingProxyType(
    {
        "000": State("ok", N_("Insurance card is valid")),
        "001": State("attention", N_("Card of the army's insurance"), next_step=_FORCE),
        "002": State("attention", N_("Card of the police's insurance"), next_step=_FORCE),
        "003": State("attention", N_("Old card expired, a new one was issued"), next_step=N_("Ask for the new card.")),
        "004": State("ok", N_("Card is valid, a new one was issued"), next_step=N_("Ask for the new card next time.")),
        "010": State("stop", N_("Insurance card has expired"), next_step=_NOT_PAID),
        "050": State("stop", N_("The insurance does not know this card"), next_step=_WRITTEN),
        "051": State("attention", N_("Card number is wrong"), next_step=_WRITTEN),
        "052": State("attention", N_("Province in the card number is wrong"), next_step=_WRITTEN),
        "053": State("attention", N_("Benefit level in the card number is wrong"), next_step=_WRITTEN),
        "054": State("unknown", N_("The insurance does not know who asks"), next_step=_OURS),
        "055": State("unknown", N_("The insurance knows who asks by another name"), next_step=_OURS),
        "060": State("attention", N_("Name differs from the insurance card"), next_step=_WRITTEN),
        "061": State("attention", N_("Name differs, except its first letters"), next_step=_WRITTEN),
        "070": State("attention", N_("Birth date differs from the insurance card"), next_step=_WRITTEN),
        "100": State("unknown", N_("The insurance can't read its records now"), next_step=_SERVICE),
        "101": State("unknown", N_("The insurance's server has an error"), next_step=_SERVICE),
        "110": State("stop", N_("Insurance card was withdrawn"), next_step=_NOT_PAID),
        "120": State("stop", N_("Insurance has ended"), next_step=_NOT_PAID),
        "121": State("stop", N_("Insurance has moved to another province"), next_step=_NOT_PAID),
        "122": State("stop", N_("Insurance has moved within the province"), next_step=_NOT_PAID),
        "123": State("stop", N_("Insurance ended and began anew at the same payer"), next_step=_NOT_PAID),
        "124": State("stop", N_("Insurance ended: no payment any more"), next_step=_NOT_PAID),
        "130": State(
            "info",
            N_("Child without an insurance card"),
            next_step=N_("A child under 6 is insured all the same: copy the birth certificate and note its number."),
        ),
        "205": State("unknown", N_("The insurance did not understand the question"), next_step=_OURS),
        "401": State("unknown", N_("The insurance refuses the hospital's account"), next_step=_OURS),
        "500": State("unknown", N_("The insurance's server has failed"), next_step=_SERVICE),
    }
)
INSURANCE_OTHER: Final = State("attention", N_("The insurance answers with an unknown code"), next_step=_WRITTEN)
INSURANCE_WAITS: Final = State(
    "unknown",
    N_("Insurance to be checked later"),
    next_step=N_("The insurance does not answer now. Go on: it is asked again by itself."),
)
INSURANCE_ASKED: Final = State("info", N_("Asking the insurance"))
NO_INSURANCE_NUMBER: Final = State("info", N_("No insurance number recorded"))
NOT_ANSWERED: Final = State(
    "attention", N_("The insurance never answered"), next_step=N_("Settle it by the papers, or ask again.")
)

VISIT_REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "visit_step": N_("That can't follow: the patient is “%(phase)s” now. Look at the queue again."),
        "queue_place_unknown": N_("There is no such place in a queue. Look at the queue again."),
        "waits_already": N_("The patient has number %(ticket)s already. Send them on from there instead."),
        "priority_unknown": N_("There is no such priority. Choose one from the list."),
        "priority_missing": N_("The priority is missing. Choose one from the list."),
        "clinic_unknown": N_("There is no such clinic, or it is closed. Choose another."),
        "clinic_missing": N_("The clinic is missing. Choose one from the list."),
        "same_clinic": N_("The patient is in this clinic's queue already. Choose another clinic."),
        "room_missing": N_("Nobody has called the patient yet. Name the door."),
        "room_unknown": N_("There is no such door, or it is closed. Choose another."),
        "room_of_another": N_("Number %(ticket)s is of another clinic. Send the patient to this clinic first."),
        "room_calling": N_("This door is calling %(ticket)s. Let them in, or say that they did not come."),
        "room_in_use": N_("This door has a patient now. Wait until it is empty."),
        "queue_empty": N_("Nobody is waiting. The next patient shows here by itself."),
        "nothing_to_undo": N_("Number %(ticket)s has taken no step yet. Nothing is to be undone."),
        "step_since": N_("%(ticket)s went on meanwhile. Look at it again before you undo anything."),
        "transfer_went_on": N_("The other clinic has called %(ticket)s already. Have it undone there first."),
        "visit_unknown": N_("There is no such visit. Choose one from the list."),
        "board_unknown": N_("There is no such board. Choose one from the list."),
        "appointment_file": N_("Line %(count)s of the file is wrong (%(text)s). Correct it and send the file again."),
        "clinic_code_taken": N_("The letters %(text)s are another clinic's. Choose others."),
        "clinic_desk_taken": N_("This desk belongs to another clinic already. Choose another, or none."),
        "clinic_form": N_("An entry is wrong: %(text)s. Correct it."),
        "nobody_chosen": N_("Nobody is chosen. Choose at least one child."),
        "guardian_child": N_("This is not a child under 14 of this guardian. Search again."),
        "identity_missing": N_(
            "Nothing proves who it is. Let the patient put the card on the reader, or say which papers you have seen."
        ),
        "presence_other": N_("Another patient's card was shown. Let this patient put theirs on the reader."),
    }
)
