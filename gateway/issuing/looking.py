"""Looking at the card on a station: of which kind it is and how far, without changing anything on it."""

from datetime import datetime

from cards.card_state import CardState, ForeignCardError
from cards.connection import CardConnection
from cards.errors import CardAnswerError, CardDataError
from cards.issuing.piv_personalisation import piv_state
from cards.ntag424.chip import Ntag424Chip
from cards.ntag424.personalisation import tag_state
from cards.piv import PivCardApplication
from cards.processors import processor_for
from gateway.issuing.chips import SeenCard
from gateway.issuing.keyring import IssuingSecrets

_ANY_ADDRESS = "https://x"


def look(connection: CardConnection, secrets: IssuingSecrets, address: str, uid: str, now: datetime) -> SeenCard:
    """What it says of itself, as far as it can be believed: an issued one has proven its key just now.

    Raises:
        CardGoneError: it left.
    """
    card_id = _piv_id(connection)
    if card_id is not None:
        return SeenCard("piv", _piv(connection, secrets, now), card_id, uid)
    tag_uid = _tag_uid(connection)
    if tag_uid is not None:
        return SeenCard("ntag424", _tag(connection, secrets, address), tag_uid, uid or tag_uid)
    return SeenCard(None, None, "", uid)


def _piv_id(connection: CardConnection) -> str | None:
    """The GUID, empty if the card has none; None: no PIV card."""
    try:
        application = PivCardApplication.select(processor_for(connection))
    except (CardAnswerError, CardDataError):
        return None
    try:
        return application.guid().hex()
    except (CardAnswerError, CardDataError):
        return ""


def _piv(connection: CardConnection, secrets: IssuingSecrets, now: datetime) -> CardState | None:
    try:
        return piv_state(connection, secrets.piv_issuer, now)
    except (ForeignCardError, CardAnswerError, CardDataError):
        return None


def _tag_uid(connection: CardConnection) -> str | None:
    try:
        version = Ntag424Chip.select(processor_for(connection)).version()
    except (CardAnswerError, CardDataError):
        return None
    return version.uid.hex() if version.is_ntag424 else None


def _tag(connection: CardConnection, secrets: IssuingSecrets, address: str) -> CardState | None:
    try:
        return tag_state(connection, secrets.tag_masters, address or _ANY_ADDRESS)
    except (ForeignCardError, CardAnswerError, CardDataError):
        return None
