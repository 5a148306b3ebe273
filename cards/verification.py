"""The verdict on a card from what it showed: certificate, challenge, signature, card id.

Pure: the same evidence gives the same verdict at the edge node, and again at the gateway. A reason that is not empty
begins with one of these codes and a colon:

    not_genuine (a proof was asked for, and is wrong or was refused)
      no_key                     holds a certificate but could not sign: a copy without the key
      wrong_key                  the signature is not of the certificate's key over this challenge
      foreign_ca                 certificate issued by another CA
      certificate_expired        at the time of the tap, the card's certificate or the CA's
      certificate_not_yet_valid  likewise
      certificate_misused        issued by our CA for something else than being a card's authentication key
      identity_mismatch          the certificate names another card id than the card
    unverified (no proof could be had)
      other_card                 no PIV application: a transport card, a phone, a UID-only tag
      unreadable                 the card's data could not be read, or are not what they should be
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cards.errors import CardDataError
from cards.piv import guid_uri
from cards.trust import TrustAnchors

Verdict = Literal["genuine", "not_genuine", "unverified"]

OID_PIV_CARD_AUTHENTICATION: Final = x509.ObjectIdentifier("2.16.840.1.101.3.6.8")
"""id-PIV-cardAuth, the extended key usage of a card-authentication certificate (FIPS 201-3, 4.2.2.1)."""

_UNDERSTOOD: Final = frozenset(
    (
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.ExtendedKeyUsage.oid,
        x509.SubjectAlternativeName.oid,
        x509.SubjectKeyIdentifier.oid,
        x509.AuthorityKeyIdentifier.oid,
        x509.CertificatePolicies.oid,
        x509.CRLDistributionPoints.oid,
        x509.AuthorityInformationAccess.oid,
    )
)
"""Extensions that may be critical: the first four are judged here, the others can't make a card less genuine."""


@dataclass(frozen=True)
class Judgement:
    """What was found."""

    verdict: Verdict
    reason: str
    """Empty if genuine, else `code: explanation`."""

    @property
    def code(self) -> str:
        """The code at the reason's start; empty if genuine."""
        return self.reason.partition(":")[0]


class _NotGenuineError(Exception):
    """Ends the judging; its message is the reason."""


def judge(  # noqa: PLR0917 - the six members of a proof, in the order in which a card shows them
    certificate_der: bytes,
    challenge: bytes,
    signature: bytes,
    card_id: str,
    anchors: TrustAnchors,
    now: datetime,
) -> Judgement:
    """Judge a proof of possession.

    `certificate_der`: the card's certificate; `challenge`: what the reader side drew; `signature`: ECDSA over
    SHA-256(challenge), DER; `card_id`: the GUID, 32 hexadecimal digits; `now`: aware, when the card was read.

    Genuine: the certificate is issued by a trust anchor, both are valid now, it is a card-authentication certificate,
    it names this card id (so a copied certificate can't be shown under another one), and the signature is its key's.

    Raises:
        ValueError: `now` is naive, or `card_id` is not 32 hexadecimal digits: a fault of the caller, not of the card.
    """
    if now.tzinfo is None:
        raise ValueError(f"now {now!r}: expected a datetime with an offset")
    uri = guid_uri(card_id)
    try:
        certificate = parse_certificate(certificate_der)
    except CardDataError as error:
        return Judgement("unverified", f"unreadable: {error}")
    try:
        _check_signature(certificate, challenge, signature)
        anchor = _issuer(certificate, anchors)
        _check_validity(certificate, now, "the card's certificate")
        _check_validity(anchor, now, "the card CA's certificate")
        _check_purpose(certificate)
        _check_identity(certificate, uri)
    except _NotGenuineError as error:
        return Judgement("not_genuine", str(error))
    return Judgement("genuine", "")


def parse_certificate(der: bytes) -> x509.Certificate:
    """Read a certificate, its key and its extensions included.

    Raises:
        CardDataError: not an X.509 certificate that can be understood.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.public_key()
        tuple(certificate.extensions)
        certificate.issuer.rfc4514_string()
    except Exception as error:  # noqa: BLE001 - hostile input, see below
        # A card's certificate is hostile input: the library raises ValueError, UnsupportedAlgorithm, TypeError and its
        # own ParserError and DuplicateExtension, depending on where it is broken.
        raise CardDataError(f"certificate of {len(der)} bytes can't be read: {error!s:.120}") from None
    if not der.endswith(b"\x00" + certificate.signature):
        # X.690, 11.2: the first byte of a BIT STRING counts its unused bits. The library lets it claim some where the
        # last bits are zero, and then the same certificate would have a second form that is as genuine.
        raise CardDataError(f"certificate of {len(der)} bytes: its signature is not of whole bytes")
    return certificate


def _check_signature(certificate: x509.Certificate, challenge: bytes, signature: bytes) -> None:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _NotGenuineError("certificate_misused: its key is not on curve P-256")
    try:
        key.verify(signature, challenge, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise _NotGenuineError("wrong_key: the signature is not of the certificate's key over this challenge") from None


def _issuer(certificate: x509.Certificate, anchors: TrustAnchors) -> x509.Certificate:
    for anchor in anchors.certificates:
        try:
            certificate.verify_directly_issued_by(anchor)
        except (InvalidSignature, ValueError, TypeError):
            continue
        return anchor
    issuer = certificate.issuer.rfc4514_string()
    raise _NotGenuineError(f"foreign_ca: certificate issued by another CA, {issuer!r:.120}")


def _check_validity(certificate: x509.Certificate, now: datetime, whose: str) -> None:
    # RFC 5280, 4.1.2.5: both ends are inclusive
    if now < certificate.not_valid_before_utc:
        since = certificate.not_valid_before_utc.isoformat()
        raise _NotGenuineError(f"certificate_not_yet_valid: {whose} is valid from {since}")
    if now > certificate.not_valid_after_utc:
        until = certificate.not_valid_after_utc.isoformat()
        raise _NotGenuineError(f"certificate_expired: {whose} was valid until {until}")


def _check_purpose(certificate: x509.Certificate) -> None:
    """A certificate that our CA issued for a server, a person or a sub-CA does not make a card."""
    for extension in certificate.extensions:
        value = extension.value
        if extension.critical and extension.oid not in _UNDERSTOOD:
            # RFC 5280, 4.2: refuse a critical extension that isn't understood
            raise _NotGenuineError(f"certificate_misused: unknown critical extension {extension.oid.dotted_string}")
        if isinstance(value, x509.BasicConstraints) and value.ca:
            raise _NotGenuineError("certificate_misused: it is a CA's certificate")
        if isinstance(value, x509.KeyUsage) and not value.digital_signature:
            raise _NotGenuineError("certificate_misused: its key may not sign")
        if isinstance(value, x509.ExtendedKeyUsage) and OID_PIV_CARD_AUTHENTICATION not in value:
            raise _NotGenuineError("certificate_misused: its key is not for card authentication")


def _check_identity(certificate: x509.Certificate, uri: str) -> None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise _NotGenuineError("identity_mismatch: the certificate names no card") from None
    named = [name.lower() for name in names.get_values_for_type(x509.UniformResourceIdentifier)]
    cards = [name for name in named if name.startswith("urn:uuid:")]
    if cards != [uri]:
        raise _NotGenuineError(
            f"identity_mismatch: the certificate names {', '.join(cards)[:100]!r}, the card says {uri!r}"
        )
