"""The simulated hospital's card CA: P-256, issues card-authentication certificates (RFC 5280, NIST SP 800-73-4)."""

import random
from datetime import datetime
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Order of P-256 (NIST SP 800-186 section 3.2.1.3): a private key is 1 to n-1.
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ID_PIV_CARD_AUTH = x509.ObjectIdentifier("2.16.840.1.101.3.6.8")  # SP 800-73-4 part 1 appendix B; FIPS 201-3
_SERIAL_BITS = 127  # RFC 5280 section 4.1.2.2: positive, at most 20 bytes


def draw_key(rng: random.Random) -> ec.EllipticCurvePrivateKey:
    """A P-256 key from a seeded source: the same world has the same keys. Never for a real card."""
    return ec.derive_private_key(rng.randrange(1, _P256_ORDER), ec.SECP256R1())


class CardCa:
    """A CA with a self-signed root. The same seed and dates give the same bytes (deterministic ECDSA, RFC 6979)."""

    def __init__(
        self,
        rng: random.Random,
        *,
        valid_from: datetime,
        valid_until: datetime,
        common_name: str = "Card CA of the simulated hospital",
    ) -> None:
        """Draw the key and sign the root. Times are UTC; certificates know whole seconds only."""
        self._rng = rng
        self._key = draw_key(rng)
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        public_key = self._key.public_key()
        builder = (
            self._builder(self._name, public_key, valid_from, valid_until)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )
        self.certificate = self._sign(builder)

    @property
    def certificate_pem(self) -> bytes:
        """The trust anchor, as a file would hold it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        guid: UUID,
        public_key: ec.EllipticCurvePublicKey,
        *,
        valid_from: datetime,
        valid_until: datetime,
        subject_alternative_name: str | None = None,
    ) -> bytes:
        """A card-authentication certificate in DER for the card with this GUID.

        Its subject alternative name is the URI `urn:uuid:<GUID>` (SP 800-73-4 part 1 section 3.3), unless a faulty CA
        is wanted and `subject_alternative_name` gives another URI.
        """
        name = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, str(guid))])
        uri = x509.UniformResourceIdentifier(subject_alternative_name or guid.urn)
        builder = (
            self._builder(name, public_key, valid_from, valid_until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([_ID_PIV_CARD_AUTH]), critical=True)
            .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        return self._sign(builder).public_bytes(serialization.Encoding.DER)

    def _builder(
        self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey, valid_from: datetime, valid_until: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(self._rng.getrandbits(_SERIAL_BITS) | 1)
            .not_valid_before(valid_from)
            .not_valid_after(valid_until)
        )

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return builder.sign(self._key, hashes.SHA256(), ecdsa_deterministic=True)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
