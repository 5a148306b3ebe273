"""Personalising a PIV card, so that it is ours or blank in the end, wherever it was interrupted.

The order makes it so. What readers ask for last of all, the certificate of key 9E, is written last: before that PUT
DATA the card proves nothing, after it everything else is done. Each key is replaced while the one that may replace it
is still known: PUK and PIN while the management key is the maker's, then the management key. So the card says by itself
how far it is, and there is nothing to write down.

    blank:       no GUID, the maker's management key
    unfinished:  has a GUID; its certificate is not there, or does not prove its key, or its keys are not current
    issued:      management key ours and current, certificate genuine

The key pair is made on the card anew at each try, so an interrupted try leaves a certificate in the world whose key no
longer exists anywhere. It can't be used, and the card's number is the same.
"""

import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from cards import piv_pin
from cards.card_state import CardState, ForeignCardError, NotIssuedError, Progress
from cards.connection import CardConnection
from cards.errors import CardAnswerError, CardDataError
from cards.issuing.card_ca import issue_certificate
from cards.issuing.piv_keys import MAKERS_PIN, MAKERS_PUK, management_key, puk
from cards.issuing.signer import Signer
from cards.piv import (
    ACCESS_LOG_OBJECT,
    CARD_AUTHENTICATION_CERTIFICATE_OBJECT,
    CHUID_OBJECT,
    EMERGENCY_RECORD_OBJECT,
    PivCardApplication,
)
from cards.piv_management import (
    MAKERS_MANAGEMENT_KEY,
    ManagementKey,
    authenticate,
    generate_key_pair,
    put_data,
    set_management_key,
)
from cards.piv_objects import card_capability_container, certificate_object, chuid
from cards.processors import Processor, processor_for
from cards.reading import read_card
from cards.status_words import NotFoundError, SecurityStatusError, WrongDataError, WrongPinError
from cards.trust import TrustAnchors

_CARD_CAPABILITY_OBJECT: Final = bytes.fromhex("5FC107")
"""SP 800-73-5 part 1, table 3."""
_CHALLENGE_BYTES: Final = 32
_MAKERS: Final = 0
"""Stands for the maker's keys where versions of ours are meant."""


@dataclass(frozen=True, repr=False)
class PivIssuer:
    """What cards are issued with. Secret: it has no printable form."""

    signer: Signer
    masters: Mapping[int, bytes]
    """Master keys of this profile, by version 1 to 255."""
    current: int

    @property
    def anchors(self) -> TrustAnchors:
        """Our own card CA alone."""
        return TrustAnchors((self.signer.certificate,))


@dataclass(frozen=True, repr=False)
class PivRequest:
    """What the card is to become. It holds a PIN, and so has no printable form."""

    valid_from: datetime
    valid_until: datetime
    pin: str
    emergency_record: Callable[[bytes], bytes] = lambda _guid: b""
    """From the card's GUID, to which it is bound, to the sealed record; empty for none."""
    draw_guid: Callable[[], bytes] = lambda: uuid.uuid4().bytes


@dataclass(frozen=True)
class IssuedCard:
    """A finished card."""

    guid: bytes
    certificate_der: bytes
    """Of this issue, or the one that was on it already."""
    key_version: int


def piv_state(connection: CardConnection, issuer: PivIssuer, now: datetime) -> CardState:
    """How far the card on the reader is. Nothing on it changes.

    Raises:
        CardGoneError: it left.
        ForeignCardError: it is not ours to write.
        CardAnswerError, CardDataError: it refused what it should not, or spoke nonsense.
    """
    return _Work(connection, issuer).state(now)


def personalise_piv(
    connection: CardConnection,
    issuer: PivIssuer,
    request: PivRequest,
    now: datetime,
    progress: Progress = lambda _step: None,
) -> IssuedCard:
    """Make the card on the reader ours, from whatever state, and let it prove itself. An issued card stays as it is.

    Raises:
        CardGoneError: it left; call again with the same card.
        ForeignCardError: it is not ours to write.
        NotIssuedError: it took everything and does not prove itself.
        SignerError: the card CA's key can't be used; call again when it can.
        CardAnswerError, CardDataError: it refused what it should not, or spoke nonsense; call again, or wipe.
        ValueError: a PIN that is none, or a validity that the card CA can't give.
    """
    piv_pin.check_pin(request.pin)
    return _Work(connection, issuer, progress).personalise(request, now)


def wipe_piv(connection: CardConnection, issuer: PivIssuer, progress: Progress = lambda _step: None) -> None:
    """Make the card on the reader blank, from whatever state: nothing of ours on it, its old key destroyed.

    A new key pair stays in slot 9E, since the standard has no command to delete one; it has no certificate.

    Raises:
        As `personalise_piv`.
    """
    _Work(connection, issuer, progress).wipe()


def unblock_pin(connection: CardConnection, issuer: PivIssuer, new_pin: str) -> None:
    """Give an issued card a new PIN, with all its tries.

    Raises:
        As `personalise_piv`.
    """
    piv_pin.check_pin(new_pin)
    work = _Work(connection, issuer)
    version = work.open()
    piv_pin.unblock(work.processor, work.puk(version), new_pin)


def write_emergency_record(
    connection: CardConnection, issuer: PivIssuer, emergency_record: Callable[[bytes], bytes]
) -> None:
    """Replace the emergency record of an issued card; an empty one takes it away.

    Raises:
        As `personalise_piv`.
    """
    put_object(connection, issuer, EMERGENCY_RECORD_OBJECT, emergency_record, "emergency record")


def put_object(
    connection: CardConnection, issuer: PivIssuer, tag: bytes, value: Callable[[bytes], bytes], what: str
) -> None:
    """Replace an object of an issued card by what `value` makes of its GUID; empty takes it away.

    Raises:
        As `personalise_piv`.
    """
    work = _Work(connection, issuer)
    if work.open() == _MAKERS:
        raise ForeignCardError("the card is not issued: personalise it first")
    put_data(work.processor, tag, value(work.guid), what)


class _Work:
    """One card on one reader."""

    def __init__(self, connection: CardConnection, issuer: PivIssuer, progress: Progress = lambda _step: None) -> None:
        self._connection = connection
        self._issuer = issuer
        self._progress = progress
        self.processor: Processor = processor_for(connection)
        self.guid = b""
        self._reason = ""

    def open(self) -> int:
        """Select, and authenticate as administrator; the version of the key that did it, 0 for the maker's."""
        try:
            application = PivCardApplication.select(self.processor)
        except CardAnswerError as error:
            raise ForeignCardError(f"not a PIV card: {error}") from None
        try:
            self.guid = application.guid()
        except (NotFoundError, CardDataError):
            self.guid = b""  # none, or all zeros as some makers deliver it
        versions = [self._issuer.current, *sorted(self._issuer.masters, reverse=True)] if self.guid else []
        for version in dict.fromkeys([*versions, _MAKERS]):
            try:
                authenticate(self.processor, self._management(version))
            except (SecurityStatusError, WrongDataError):
                continue  # another key, or one of another algorithm
            return version
        raise ForeignCardError(f"card {self.guid.hex() or 'without number'}: its management key is not ours")

    def _management(self, version: int) -> ManagementKey:
        if version == _MAKERS:
            return MAKERS_MANAGEMENT_KEY
        return management_key(self._issuer.masters, version, self.guid)

    def puk(self, version: int) -> bytes:
        """The card's, by version."""
        return MAKERS_PUK if version == _MAKERS else puk(self._issuer.masters, version, self.guid)

    def _proven(self, now: datetime) -> bytes | None:
        """The certificate, if the card proves its key. It selects anew, and so comes before any authentication."""
        reading = read_card(self._connection, self._issuer.anchors, secrets.token_bytes(_CHALLENGE_BYTES), now)
        self._reason = reading.reason
        if reading.verdict != "genuine" or reading.evidence is None:
            return None
        return reading.evidence.certificate_der

    def state(self, now: datetime) -> CardState:
        """As `piv_state`."""
        proven = self._proven(now)
        version = self.open()
        if proven is not None and version == self._issuer.current:
            return CardState.ISSUED
        return CardState.UNFINISHED if self.guid or version != _MAKERS else CardState.BLANK

    def personalise(self, request: PivRequest, now: datetime) -> IssuedCard:
        """As `personalise_piv`."""
        current = self._issuer.current
        self._progress("look")
        proven = self._proven(now)
        version = self.open()
        if proven is not None and version != current:
            self._progress("keys")
            self._replace_keys(version)
        elif proven is None:
            proven = self._issue(request, version)
            self._progress("prove")
            if self._proven(now) != proven:
                raise NotIssuedError(
                    f"card {self.guid.hex()} does not prove itself: {self._reason or 'wrong certificate'}"
                )
        return IssuedCard(self.guid, proven, current)

    def _issue(self, request: PivRequest, version: int) -> bytes:
        self._progress("number")
        self.guid = self.guid or request.draw_guid()
        put_data(self.processor, CHUID_OBJECT, chuid(self.guid, request.valid_until.date()), "CHUID")
        if version != self._issuer.current:
            self._progress("keys")
            self._replace_keys(version)
        piv_pin.unblock(self.processor, self.puk(self._issuer.current), request.pin)
        self._progress("write")
        put_data(self.processor, _CARD_CAPABILITY_OBJECT, card_capability_container(self.guid), "card capabilities")
        record = request.emergency_record(self.guid)
        put_data(self.processor, EMERGENCY_RECORD_OBJECT, record, "emergency record")
        self._progress("key")
        public_key = self._new_key_pair()
        self._progress("certificate")
        certificate = issue_certificate(
            self._issuer.signer,
            self.guid,
            public_key,
            valid_from=request.valid_from,
            valid_until=request.valid_until,
        )
        container = certificate_object(certificate)
        put_data(self.processor, CARD_AUTHENTICATION_CERTIFICATE_OBJECT, container, "card authentication certificate")
        return certificate

    def _new_key_pair(self) -> ec.EllipticCurvePublicKey:
        """The old certificate first: it must not stand beside a key that is not its own."""
        put_data(self.processor, CARD_AUTHENTICATION_CERTIFICATE_OBJECT, b"", "no certificate")
        return generate_key_pair(self.processor)

    def _replace_keys(self, version: int) -> None:
        """PUK, then management key: while that is the old one, the PUK may be either."""
        current = self._issuer.current
        self._set_puk(self.puk(current), (self.puk(version), self.puk(current)))
        set_management_key(self.processor, self._management(current))

    def _set_puk(self, new: bytes, candidates: Sequence[bytes]) -> None:
        """From whichever of the candidates it is. A right one gives all its tries back."""
        for candidate in candidates[:-1]:
            try:
                piv_pin.change_puk(self.processor, candidate, new)
            except WrongPinError:
                continue
            return
        piv_pin.change_puk(self.processor, candidates[-1], new)

    def wipe(self) -> None:
        """As `wipe_piv`."""
        self._progress("look")
        version = self.open()
        self._progress("silence")
        self._new_key_pair()
        for tag in (EMERGENCY_RECORD_OBJECT, ACCESS_LOG_OBJECT, _CARD_CAPABILITY_OBJECT):
            put_data(self.processor, tag, b"", "nothing")
        self._progress("keys")
        if self.guid:
            ours = self.puk(version or self._issuer.current)
            self._set_puk(MAKERS_PUK, (ours, MAKERS_PUK) if version != _MAKERS else (MAKERS_PUK, ours))
        piv_pin.unblock(self.processor, MAKERS_PUK, MAKERS_PIN)
        if version != _MAKERS:
            set_management_key(self.processor, MAKERS_MANAGEMENT_KEY)
        put_data(self.processor, CHUID_OBJECT, b"", "no number")
        if self.open() != _MAKERS or self.guid:
            raise NotIssuedError(f"card {self.guid.hex()} is not blank after wiping: put it aside")
