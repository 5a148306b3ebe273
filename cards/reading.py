"""Reading one card to the end: which profile, which card, and whether it is genuine."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cards.connection import CardConnection
from cards.errors import CardAnswerError, CardDataError
from cards.piv import PivCardApplication, card_id_of
from cards.processors import processor_for
from cards.trust import TrustAnchors
from cards.verification import Judgement, Verdict, judge, parse_certificate

Profile = Literal["piv", "unknown"]


@dataclass(frozen=True)
class Evidence:
    """What lets someone else judge again. Nothing in it is secret."""

    certificate_der: bytes
    challenge: bytes
    signature: bytes


@dataclass(frozen=True)
class CardReading:
    """One card, read."""

    profile: Profile
    card_id: str
    """32 hexadecimal digits, empty if the profile is unknown or the card has no readable id."""
    verdict: Verdict
    reason: str
    """Empty if genuine, else `code: explanation`; codes in `cards.verification`."""
    evidence: Evidence | None


def read_card(connection: CardConnection, anchors: TrustAnchors, challenge: bytes, now: datetime) -> CardReading:
    """Read a card and let it prove its key over `challenge` (fresh, from a cryptographic source, at least 16 bytes).

    `now` is an aware datetime: certificates are judged by it.

    Whatever the card says ends in a verdict: hostile or broken data make it `unverified` or `not_genuine`.

    Raises:
        CardGoneError: the card left before the end.
        ValueError: a challenge shorter than 16 bytes, a naive `now`.
    """
    if len(challenge) < 16:  # noqa: PLR2004 - 128 bits: no one sees a challenge twice
        raise ValueError(f"challenge of {len(challenge)} bytes: expected at least 16")
    try:
        application = PivCardApplication.select(processor_for(connection))
    except CardAnswerError as error:
        return CardReading("unknown", "", "unverified", f"other_card: {error}", None)
    except CardDataError as error:
        return CardReading("unknown", "", "unverified", f"unreadable: {error}", None)
    return _read_piv(application, anchors, challenge, now)


def _read_piv(application: PivCardApplication, anchors: TrustAnchors, challenge: bytes, now: datetime) -> CardReading:
    card_id = ""
    try:
        card_id = card_id_of(application.guid())
        certificate_der = application.card_authentication_certificate()
        parse_certificate(certificate_der)
    except (CardAnswerError, CardDataError) as error:
        return CardReading("piv", card_id, "unverified", f"unreadable: {error}", None)
    try:
        signature = application.sign(hashlib.sha256(challenge).digest())
    except CardAnswerError as error:
        return CardReading("piv", card_id, "not_genuine", f"no_key: {error}", None)
    except CardDataError as error:
        return CardReading("piv", card_id, "not_genuine", f"wrong_key: {error}", None)
    judgement: Judgement = judge(certificate_der, challenge, signature, card_id, anchors, now)
    evidence = Evidence(certificate_der, challenge, signature)
    return CardReading("piv", card_id, judgement.verdict, judgement.reason, evidence)
