"""The patient-side access log on a PIV card: when its holder's data was used, by whom in which role, and what for.

    [1, [[seconds since 1970, act, role], ..]] ─► COSE_Sign1 by the card CA ─► COSE_Encrypt for terminals ─► 5FFF22

A PIV card takes objects from its administrator only, so entries are written where the administrator's key is at hand:
at the issuing desk. Anyone who comes near a card can read its objects, and when a child was at which hospital is nobody
else's business: so the log is sealed as the emergency record is, and shown to the holder at a terminal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from cards.connection import CardConnection
from cards.cose import encrypt, sign1
from cards.cose.cbor import CoseError, decode, encode
from cards.emergency.sealing import TerminalKeys, issuer_id, issuer_key, terminal_key_id
from cards.errors import CardAnswerError, CardDataError
from cards.issuing.piv_personalisation import PivIssuer, put_object
from cards.issuing.signer import Signer
from cards.piv import ACCESS_LOG_OBJECT
from cards.trust import TrustAnchors

ENTRIES_MAX: Final = 20
"""The newest: some 500 bytes, so that every PIV card has room for them beside the rest."""
ACTS: Final = ("issued", "handed_over", "pin", "emergency", "record_read", "break_glass", "keys")
"""By number on the card; new ones are added at the end."""
_VERSION: Final = 1
_ROLE_CHARACTERS_MAX: Final = 16
_DOMAIN: Final = b"medtap access log 1 "
_NO_ROOM: Final = frozenset({0x6A84, 0x6581})
"""Not enough memory; memory failure (ISO/IEC 7816-4, table 6)."""


@dataclass(frozen=True)
class LogEntry:
    """One use of the card or of its holder's data."""

    at: datetime
    act: str
    """One of ACTS."""
    role: str
    """Of whoever it was; a person's name stands in the hospital's audit, not on a card."""


def seal_log(
    entries: Sequence[LogEntry], card_id: str, signer: Signer, terminals: Sequence[ec.EllipticCurvePublicKey]
) -> bytes:
    """The newest entries for this card, signed and encrypted for terminals.

    Raises:
        SignerError: the card CA's key can't be used.
        ValueError: an act that is none, no terminal.
    """
    newest = sorted(entries, key=lambda each: each.at)[-ENTRIES_MAX:]
    body = [[int(each.at.timestamp()), ACTS.index(each.act), each.role[:_ROLE_CHARACTERS_MAX]] for each in newest]
    external = _DOMAIN + card_id.encode()
    signed = sign1.sign(encode([_VERSION, body]), issuer_id(signer.certificate), signer.sign, external)
    recipients = [encrypt.Recipient(terminal_key_id(key), key) for key in terminals]
    return encrypt.encrypt(signed.encode(), recipients, external)


def open_log(sealed: bytes, card_id: str, keys: TerminalKeys, issuers: TrustAnchors) -> list[LogEntry]:
    """Decrypt and verify; the oldest first.

    Raises:
        CardDataError: for other terminals, changed, of another card, or not signed by any of the issuers.
    """
    external = _DOMAIN + card_id.encode()
    try:
        signed = sign1.parse(encrypt.decrypt(sealed, keys.by_id, external))
        version, body = decode(signed.verify(issuer_key(signed.key_id, issuers), external))
        if version != _VERSION:
            raise CoseError(f"access log of version {version!r}: expected {_VERSION}")
        return [LogEntry(datetime.fromtimestamp(at, UTC), ACTS[act], role) for at, act, role in body]
    except (TypeError, ValueError, IndexError, OverflowError, OSError) as error:
        raise CardDataError(f"access log of card {card_id}: {type(error).__name__}") from None


def write_log(connection: CardConnection, issuer: PivIssuer, sealed: bytes) -> bool:
    """Replace the log on an issued card; False: the card has no room for one.

    Raises:
        As `cards.issuing.piv_personalisation.write_emergency_record`.
    """
    try:
        put_object(connection, issuer, ACCESS_LOG_OBJECT, lambda _guid: sealed, "access log")
    except CardAnswerError as error:
        if error.sw in _NO_ROOM:
            return False
        raise
    return True
