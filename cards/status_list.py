"""The card status list: which cards of ours are to be refused, signed, in parts that fit a message.

A desk that is cut off from the gateway refuses a lost card by it. What is signed is the head; it names each part by its
SHA-256, so that one signature covers all:

    head   COSE_Sign1 over {1: site, 2: number, 3: issued at, 4: [SHA-256 of each part], 5: signer's certificate}
    part   entries of nine bytes, in order: first eight bytes of SHA-256(card id), one byte for the state

No card's id stands in it. Two cards have the same eight bytes once in 2**64: an innocent card of a million, tapped
beside a hundred thousand entries, is refused by chance less often than once in 10**8 such hospitals.

The signer's certificate is a trust anchor itself, or issued by one for this purpose (`OID_CARD_STATUS_SIGNING`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cards.cose import sign1
from cards.cose.cbor import decode, encode
from cards.errors import CardDataError
from cards.issuing.signer import Signer
from cards.trust import TrustAnchors
from cards.verification import parse_certificate

BadState = Literal["lost", "stolen", "revoked", "expired", "replaced"]
OID_CARD_STATUS_SIGNING: Final = x509.ObjectIdentifier("2.25.282341184311470521703041117826043120133")
"""Extended key usage of who may sign status lists: an OID made of a random UUID (ITU-T X.667), as it is our own."""
PART_ENTRIES_MAX: Final = 5000
"""45 kB, 60 kB in base64: with the head it fits a message of 64 kB."""
PARTS_MAX: Final = 200
"""A million cards to be refused; the head then has 7 kB, below what is read as CBOR."""

_CODES: Final[Mapping[BadState, int]] = MappingProxyType(
    {"lost": 1, "stolen": 2, "revoked": 3, "expired": 4, "replaced": 5}
)
_STATES: Final[Mapping[int, BadState]] = MappingProxyType({code: state for state, code in _CODES.items()})
_DIGEST_BYTES: Final = 8
_ENTRY_BYTES: Final = _DIGEST_BYTES + 1
_CONTEXT: Final = b"medtap card status 1"
_MEMBERS: Final = 5


class StatusListError(CardDataError):
    """A status list that can't be believed; the message says why."""


@dataclass(frozen=True)
class StatusHead:
    """What was signed. Make it by `read_head`, which verifies."""

    site: str
    number: int
    """Rising with each list that a gateway issues."""
    issued_at: datetime
    part_digests: tuple[bytes, ...]


@dataclass(frozen=True, repr=False)
class StatusList:
    """A whole list, verified."""

    head: StatusHead
    states: Mapping[bytes, BadState]
    """By the first bytes of the card id's SHA-256."""

    def state_of(self, card_id: str) -> BadState | None:
        """Why the card is to be refused; None where nothing is known against it."""
        return self.states.get(_digest(card_id))


def pack(states: Mapping[str, BadState]) -> tuple[bytes, ...]:
    """The parts of a list of these cards, in one form only; a list of none has one empty part.

    Raises:
        ValueError: more cards than a list holds.
    """
    entries = sorted(_digest(card_id) + bytes((_CODES[state],)) for card_id, state in states.items())
    if len(entries) > PART_ENTRIES_MAX * PARTS_MAX:
        raise ValueError(f"{len(entries)} cards to refuse: expected at most {PART_ENTRIES_MAX * PARTS_MAX}")
    starts = range(0, max(len(entries), 1), PART_ENTRIES_MAX)
    return tuple(b"".join(entries[start : start + PART_ENTRIES_MAX]) for start in starts)


def sign_head(site: str, number: int, issued_at: datetime, parts: Sequence[bytes], signer: Signer) -> bytes:
    """The head of a list of these parts, signed with ES256.

    Raises:
        SignerError (cards.issuing.signer): the signer can't sign.
    """
    certificate = signer.certificate.public_bytes(serialization.Encoding.DER)
    digests = [hashlib.sha256(part).digest() for part in parts]
    payload = encode({1: site, 2: number, 3: int(issued_at.timestamp()), 4: digests, 5: certificate})
    return sign1.sign(payload, b"card-status", signer.sign, _CONTEXT).encode()


def read_head(data: bytes, anchors: TrustAnchors, now: datetime) -> StatusHead:
    """Verify a head: its signer, and that it signed this.

    `now` (aware) bounds nothing but the signer's certificate; how old the list is, is for the caller to say.

    Raises:
        StatusListError: not a head, or not of a signer whom these anchors certify.
    """
    try:
        signed = sign1.parse(data)
        if signed.unprotected:
            raise StatusListError("status list: an unprotected header, where nothing is signed")
        # The payload is read before it is verified, for it brings the certificate; nothing of it is used before.
        site, number, issued_at, digests, certificate_der = _members(decode(signed.payload))
        certificate = parse_certificate(certificate_der)
        signed.verify(certificate.public_key(), _CONTEXT)
        # A machine without a battery begins in the past: the list itself is a witness of how late it is.
        _check_signer(certificate, anchors, max(now, issued_at))
    except (CardDataError, ValueError) as error:
        # ValueError: a name in the certificate that its library can't decode
        raise StatusListError(f"status list: {error}") from None
    return StatusHead(site, number, issued_at, digests)


def unpack(head: StatusHead, parts: Sequence[bytes]) -> StatusList:
    """The list of a verified head and all its parts, in order.

    Raises:
        StatusListError: a part is missing, too many, or not the one that was signed.
    """
    if tuple(hashlib.sha256(part).digest() for part in parts) != head.part_digests:
        raise StatusListError(f"status list {head.number}: its parts are not those that were signed")
    states: dict[bytes, BadState] = {}
    for part in parts:
        for start in range(0, len(part), _ENTRY_BYTES):
            entry = part[start : start + _ENTRY_BYTES]
            state = _STATES.get(entry[-1])
            if len(entry) != _ENTRY_BYTES or state is None:
                raise StatusListError(f"status list {head.number}: entry {entry.hex()} is none; upgrade this program")
            states[entry[:_DIGEST_BYTES]] = state
    return StatusList(head, states)


def _digest(card_id: str) -> bytes:
    return hashlib.sha256(card_id.encode()).digest()[:_DIGEST_BYTES]


def _members(payload: Any) -> tuple[str, int, datetime, tuple[bytes, ...], bytes]:  # noqa: ANN401 - CBOR
    match payload:
        case {1: str(site), 2: int(number), 3: int(issued_at), 4: list(digests), 5: bytes(certificate)} if (
            len(payload) == _MEMBERS
        ):
            whole = all(isinstance(each, bytes) and len(each) == hashlib.sha256().digest_size for each in digests)
            if number < 0 or not whole or not 1 <= len(digests) <= PARTS_MAX:
                raise StatusListError(f"status list {number}: names {len(digests)} parts: expected 1 to {PARTS_MAX}")
            try:
                at = datetime.fromtimestamp(issued_at, UTC)
            except (OverflowError, OSError, ValueError):
                raise StatusListError(f"status list {number}: issued at {issued_at}: no time") from None
            return site, number, at, tuple(digests), certificate
    raise StatusListError("status list: not the members of a head")


def _check_signer(certificate: x509.Certificate, anchors: TrustAnchors, now: datetime) -> None:
    if certificate in anchors.certificates:
        return
    name = certificate.subject.rfc4514_string()
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not any(
        _issued(certificate, each) for each in anchors.certificates
    ):
        raise StatusListError(f"signed by {name!r:.120}, whom no trust anchor certifies")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise StatusListError(f"signed by {name!r:.120}, whose certificate is not valid now")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usage = x509.ExtendedKeyUsage([])
    if OID_CARD_STATUS_SIGNING not in usage:
        # a card's own certificate is issued by the same CA
        raise StatusListError(f"signed by {name!r:.120}, whose certificate is not for status lists")


def _issued(certificate: x509.Certificate, anchor: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(anchor)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
