"""The words of people's data: how sure an identity is, relations, reasons, what is refused."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.translations import N_

CONFIDENCE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "proven": ("ok", N_("Proven by a chip card")),
        "documented": ("info", N_("Papers were seen")),
        "stated": ("attention", N_("By what was said")),
        "unknown": ("unknown", N_("Identity not known")),
    }
)
"""(mood, msgid) of each level."""
SEXES: Final[Mapping[str, str]] = MappingProxyType(
    {"male": N_("Male"), "female": N_("Female"), "other": N_("Other sex"), "unknown": N_("Sex not recorded")}
)
RELATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mother": N_("Mother"),
        "father": N_("Father"),
        "grandparent": N_("Grandparent"),
        "relative": N_("Relative"),
        "legal_guardian": N_("Legal guardian"),
        "other": N_("Somebody else"),
    }
)
FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "full_name": N_("Full name"),
        "birth_date": N_("Born"),
        "sex": N_("Sex"),
        "citizen_id": N_("Citizen number (CCCD)"),
        "insurance_number": N_("Insurance number (BHYT)"),
        "phone": N_("Telephone"),
        "address": N_("Address"),
        "identity_confidence": N_("Identity"),
    }
)
ALIKE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "same_citizen_id": N_("same citizen number"),
        "same_insurance": N_("same insurance number"),
        "same_name_and_birth": N_("same name and birth date"),
        "same_name_birth_alike": N_("same name, birth date alike"),
        "same_name_phone": N_("same name and telephone"),
    }
)
GLASS_REASONS: Final = (
    N_("The patient is here without papers"),
    N_("Emergency: the patient can't say who they are"),
    N_("A doctor or nurse asked for it"),
    N_("The family asks by telephone"),
)
"""To choose from; one's own words are possible too."""
SEVERITIES: Final[Mapping[str, str]] = MappingProxyType(
    {"unknown": N_("severity not known"), "mild": N_("mild"), "moderate": N_("moderate"), "severe": N_("severe")}
)
ACTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "read": N_("read"),
        "search": N_("found by a search"),
        "emergency": N_("read emergency data"),
        "register": N_("registered"),
        "correct": N_("corrected"),
        "merge": N_("merged records"),
        "undo_merge": N_("parted records again"),
    }
)
PURPOSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "desk": N_("registration desk"),
        "papers": N_("papers in hand"),
        "find": N_("search for a patient"),
        "record": N_("the patient's record"),
        "emergency": N_("emergency data"),
        "visit": N_("visit and queue"),
        "dispense": N_("dispensing"),
        "recall": N_("recall of a drug"),
        "card": N_("health card"),
        "insurance": N_("insurance check"),
        "site_file": N_("taken over from a file"),
    }
)
"""Of the purposes that are known here; another is shown as it is written."""
FINDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {"justified": N_("justified"), "not_justified": N_("not justified")}
)

REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "person_name": N_("The name is missing or too long. Enter 1 to 120 characters."),
        "person_number": N_("The patient number is too long. Enter at most 40 characters."),
        "person_citizen_id": N_("A citizen number has exactly 12 digits. Read it again from the card."),
        "person_insurance": N_(
            "An insurance number has 15 characters, such as TE1 79 7912345678, or the 10 digits of the social insurance"
            " number. Read it again from the card."
        ),
        "person_phone": N_("This is no telephone number. Enter digits only."),
        "person_address": N_("The address is too long. Enter at most 300 characters in one line."),
        "person_birth_date": N_("The birth date is after today. Read it again from the papers."),
        "person_date": N_("This is no date. Day, month, year: 31/12/2020."),
        "person_choice": N_("A value that is none of the list was sent. Choose one from the list."),
        "person_changed": N_("Somebody has changed this record meanwhile. Look at it again."),
        "person_exists": N_("This record exists already. Look for the patient first."),
        "citizen_id_taken": N_("Somebody is registered with this citizen number. Look for the patient by it."),
        "patient_number_taken": N_("Somebody is registered with this patient number. Look for the patient by it."),
        "card_unreadable": N_("This is neither a citizen card nor an insurance card. Scan its QR code again."),
        "twin_number": N_("Of several children the first is number 1. Enter 1 to 9."),
        "merge_choice": N_("It is not clear whose value is to stay. Choose one on each line."),
        "merge_same": N_("Both are the same record. Choose two different ones."),
        "merged_already": N_("One of these records was merged into another meanwhile. Look for the patient again."),
        "merge_unknown": N_("There is no such merge. Choose one from the list."),
        "merge_undone": N_("This merge was undone already, at %(at)s. Nothing is left to do."),
        "merge_too_old": N_("This merge could be undone until %(at)s. Register the other person anew."),
        "merge_later_first": N_("A later merge of this patient hides it. Undo that first."),
        "glass_closed": N_("This patient is not here now, as far as we know. Say why you must see the record."),
        "glass_reason": N_("The reason is missing. Say in a few words why you must see the record."),
        "emergency_data": N_(
            "Emergency data can't be stored so. Each entry needs a text, a code needs its system, a contact needs a"
            " name, a relation and a telephone number; there are at most 16 of each kind."
        ),
        "no_birth_date": N_("The birth date is not known yet. Enter it first: whoever reads the card compares it."),
        "guardian_unknown": N_("There is no such guardian. Enter them anew."),
        "audit_unknown": N_("There is no such read to be reviewed. Choose one from the list."),
        "audit_reviewed": N_("Somebody has reviewed this already. Look at the list again."),
    }
)
"""What is refused and what mends it; a part of `refusal_words.REFUSALS`."""
