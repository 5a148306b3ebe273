"""Trust anchors: the certificates of the card CAs whose cards this hospital accepts."""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec


class TrustAnchorError(ValueError):
    """A file of trust anchors that can't be used: the message says why and what was expected."""


@dataclass(frozen=True)
class TrustAnchors:
    """CA certificates, each able to sign card certificates. None at all is allowed: then no card is genuine."""

    certificates: tuple[x509.Certificate, ...] = ()

    @classmethod
    def from_pem(cls, pem: bytes) -> "TrustAnchors":
        """Read one or more PEM certificates.

        Raises:
            TrustAnchorError: no certificate in it, or one that is not a CA with a P-256 or P-384 key.
        """
        try:
            certificates = tuple(x509.load_pem_x509_certificates(pem))
        except ValueError as error:
            raise TrustAnchorError(f"trust anchors begin {pem[:40]!r}: {error}; expected PEM certificates") from None
        for certificate in certificates:
            _check_is_card_ca(certificate)
        return cls(certificates)

    @classmethod
    def joined(cls, parts: Iterable["TrustAnchors"]) -> "TrustAnchors":
        """All anchors of several files."""
        return cls(tuple(certificate for part in parts for certificate in part.certificates))


def _check_is_card_ca(certificate: x509.Certificate) -> None:
    name = certificate.subject.rfc4514_string()
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        basic = None
    if basic is None or not basic.ca:
        raise TrustAnchorError(f"trust anchor {name!r}: expected a CA certificate (basicConstraints CA:TRUE)")
    try:
        key = certificate.public_key()
    except ValueError as error:
        raise TrustAnchorError(f"trust anchor {name!r}: {error}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in ("secp256r1", "secp384r1"):
        raise TrustAnchorError(f"trust anchor {name!r}: expected a key on curve P-256 or P-384")
