"""The key that card status lists are signed with: the gateway's own, or certified by the card CA.

A gateway that is broken into gives this key away, and with it no card: the card CA's key need not be there.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cards.issuing.card_ca import check_issued, issuer_key, key_usage, signed_certificate
from cards.issuing.signer import Signer, SignerError
from cards.status_list import OID_CARD_STATUS_SIGNING


@dataclass(frozen=True, repr=False)
class StatusKey:
    """A `Signer` of status lists. It has no printable form."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def sign(self, message: bytes) -> bytes:
        """As `cards.issuing.signer.Signer`."""
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))

    @property
    def certificate_pem(self) -> bytes:
        """What edge nodes need, where the card CA has not certified it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def to_pem(self) -> bytes:
        """Private key and certificate, for a file that its owner alone can read."""
        return self.key_pem + self.certificate_pem

    @property
    def key_pem(self) -> bytes:
        """The private key alone, PKCS #8."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @classmethod
    def from_pem(cls, pem: bytes) -> "StatusKey":
        """Read what `to_pem` wrote.

        Raises:
            SignerError: not a P-256 key with its certificate.
        """
        try:
            key = serialization.load_pem_private_key(pem, None)
            certificate = x509.load_pem_x509_certificate(pem)
        except (ValueError, TypeError) as error:
            raise SignerError(f"status key: {error!s:.120}; expected a private key and its certificate, PEM") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise SignerError("status key: expected one on curve P-256")
        if certificate.public_key() != key.public_key():
            raise SignerError("status key: its certificate is of another key")
        return cls(key, certificate)


def make_status_key(
    name: str, *, valid_from: datetime, valid_until: datetime, issuer: Signer | None = None
) -> StatusKey:
    """A new key, certified by the card CA (`issuer`), or by itself where edge nodes are given its certificate.

    Raises:
        SignerError: the issuer's key can't be used.
        ValueError: it would outlive the issuer's certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    if issuer is not None and valid_until > issuer.certificate.not_valid_after_utc:
        raise ValueError(
            f"a status key until {valid_until:%Y-%m-%d}: the card CA's certificate is valid until "
            f"{issuer.certificate.not_valid_after_utc:%Y-%m-%d}; choose fewer years"
        )
    issued_by = subject if issuer is None else issuer.certificate.subject
    serial = x509.random_serial_number()
    builder = (
        x509.CertificateBuilder(issued_by, subject, key.public_key(), serial, valid_from, valid_until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([OID_CARD_STATUS_SIGNING]), critical=True)
    )
    if issuer is None:
        return StatusKey(key, builder.sign(key, hashes.SHA256()))
    builder = builder.add_extension(issuer_key(issuer.certificate), critical=False)
    certificate = x509.load_der_x509_certificate(signed_certificate(builder, issuer.sign))
    check_issued(certificate, issuer.certificate)
    return StatusKey(key, certificate)
