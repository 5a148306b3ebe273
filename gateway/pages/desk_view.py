"""The registration desk's live page: the newest tap, huge, and the day's visits."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from gateway.pages.banner import banner_of
from gateway.pages.state import State
from gateway.pages.translations import N_
from gateway.pages.view import BANNER, Scene, View
from gateway.services import reads_desk
from gateway.services.app_services import LiveEventLike
from gateway.services.reads_operations import DESK_DRIVERS
from gateway.services.roles import DESK_ROLES

_VISITS_SHOWN: Final = 50

_PAPERS: Final = N_("Ask for the patient's papers (citizen card or insurance card) and find the patient by them.")

TAP_STATES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "checked_in": State(
            "ok",
            N_("Checked in"),
            N_("The card is genuine and the visit of today is open."),
            N_("Ask for the date of birth, then give the queue number."),
        ),
        "already_checked_in": State(
            "info",
            N_("Already checked in"),
            N_("This patient has checked in today already. It is the same visit and the same queue number."),
            N_("Nothing more to do: tell the patient their number again."),
            sign="again",
        ),
        "unknown_card": State(
            "attention",
            N_("Card of no patient"),
            N_("The card is genuine, but it has not been given to any patient here."),
            _PAPERS,
            sign="whose",
        ),
        "foreign_card": State(
            "attention",
            N_("Not our health card"),
            N_("This is another kind of card, such as a bank card or a building card."),
            N_("Ask for the health card. If the patient has none, find them by their papers."),
            sign="other_card",
        ),
        "not_genuine": State(
            "stop",
            N_("Copied card"),
            N_("The card claims to be a health card, but could not prove that it is the original."),
            N_("Do not check in with it. Keep the card, ask for papers, and call your supervisor."),
            sign="copy",
        ),
        "unverified": State(
            "attention",
            N_("Card not checked"),
            N_("The card could not be read to the end, so nothing is proven."),
            N_("Hold the card still on the reader and try again. If it fails twice, find the patient by their papers."),
            sign="unread",
        ),
        "lost_card": State(
            "stop",
            N_("Card reported lost"),
            N_("This card was reported lost. Whoever brings it may not be the patient."),
            N_("Compare the papers with the name shown. If it is the patient, ask the card desk to release the card."),
            sign="lost",
        ),
        "revoked_card": State(
            "stop",
            N_("Card withdrawn"),
            N_("This card has been withdrawn and is no longer valid."),
            N_("Keep the card, ask for papers, and check in with the patient's new card."),
        ),
        "expired_card": State(
            "attention",
            N_("Card expired"),
            N_("The card is the patient's, but its validity is over."),
            N_("Check the papers, register the visit by them, and have a new card made."),
            sign="clock",
        ),
    }
)

SEX_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {"male": N_("Male"), "female": N_("Female"), "other": N_("Other sex"), "unknown": N_("Sex not recorded")}
)


def _newest(scene: Scene, _argument: str) -> Mapping[str, Any]:
    tap = reads_desk.newest_tap(scene.connection, scene.reading("desk"), scene.place_id)
    return {"tap": tap, "state": TAP_STATES[tap.outcome] if tap else None, "sex_words": SEX_WORDS}


def _visits(scene: Scene, _argument: str) -> Mapping[str, Any]:
    today = scene.speech.local(scene.now).date()
    return {
        "today": today,
        "count": reads_desk.count_visits(scene.connection, today, scene.place_id),
        "visits": reads_desk.visits_of_day(
            scene.connection, scene.reading("desk"), today, _VISITS_SHOWN, scene.place_id
        ),
        "sex_words": SEX_WORDS,
    }


def _touched(event: LiveEventLike) -> Sequence[str]:
    if event.kind == "tap":
        return ("newest_tap", "visits")
    return (BANNER,) if event.kind in {"device", "edge_node"} else ()


DESK_VIEW: Final = View(
    audience="desk",
    path="/desk",
    template="desk.html",
    roles=DESK_ROLES,
    fragments=MappingProxyType({BANNER: banner_of(DESK_DRIVERS), "newest_tap": _newest, "visits": _visits}),
    touched=_touched,
)
