"""The card CA: makes its own certificate, and card-authentication certificates (RFC 5280; SP 800-73-5; FIPS 201-3).

The private key may be in a module that signs bytes and nothing more, so a certificate is put together here: the part
that is signed comes from a builder with a key that is thrown away, and the CA's signature is put under it.
"""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cards.issuing.signer import Signer, SignerError
from cards.tlv import encode_tlv, parse_one, parse_tlvs
from cards.verification import OID_PIV_CARD_AUTHENTICATION

_SEQUENCE: Final = 0x30
_BIT_STRING: Final = 0x03
_NO_UNUSED_BITS: Final = b"\x00"
_TBS_ALGORITHM_SIGNATURE: Final = 3
"""Members of a certificate (RFC 5280, 4.1)."""


def ca_certificate(
    public_key: ec.EllipticCurvePublicKey,
    sign: Callable[[bytes], bytes],
    name: str,
    *,
    valid_from: datetime,
    valid_until: datetime,
) -> x509.Certificate:
    """A self-signed certificate for a card CA. It signs card certificates, and the emergency records on them.

    `sign`: as `cards.issuing.signer.Signer.sign`, with the private key of `public_key`.

    Raises:
        SignerError: the key can't be used, or is another one.
    """
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    serial = x509.random_serial_number()
    builder = (
        x509.CertificateBuilder(subject, subject, public_key, serial, valid_from, valid_until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    certificate = x509.load_der_x509_certificate(signed_certificate(builder, sign))
    check_issued(certificate, certificate)
    return certificate


def issue_certificate(
    signer: Signer, guid: bytes, public_key: ec.EllipticCurvePublicKey, *, valid_from: datetime, valid_until: datetime
) -> bytes:
    """The card-authentication certificate (key 9E) of the card with this GUID, DER.

    It names the card as `urn:uuid:GUID` and nobody else: no person stands in a card's certificate.

    Raises:
        SignerError: the CA's key can't be used, or does not belong to its certificate.
        ValueError: it would outlive the CA's certificate, and then never be genuine at its end.
    """
    issuer = signer.certificate
    if valid_until > issuer.not_valid_after_utc or valid_from < issuer.not_valid_before_utc:
        raise ValueError(
            f"a card valid {valid_from:%Y-%m-%d} to {valid_until:%Y-%m-%d}: the card CA's certificate is valid "
            f"{issuer.not_valid_before_utc:%Y-%m-%d} to {issuer.not_valid_after_utc:%Y-%m-%d}; renew the card CA first"
        )
    card = uuid.UUID(bytes=guid)
    subject = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, str(card))])
    serial = x509.random_serial_number()
    builder = (
        x509.CertificateBuilder(issuer.subject, subject, public_key, serial, valid_from, valid_until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([OID_PIV_CARD_AUTHENTICATION]), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(card.urn)]), critical=False)
        .add_extension(issuer_key(issuer), critical=False)
    )
    issued = signed_certificate(builder, signer.sign)
    check_issued(x509.load_der_x509_certificate(issued), issuer)
    return issued


def signed_certificate(builder: x509.CertificateBuilder, sign: Callable[[bytes], bytes]) -> bytes:
    """What the builder says, DER, with the signature of a key that only `sign` can use."""
    thrown_away = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    der = thrown_away.public_bytes(serialization.Encoding.DER)
    members = parse_tlvs(parse_one(der, _SEQUENCE))
    if len(members) != _TBS_ALGORITHM_SIGNATURE:
        raise SignerError("the certificate builder made something else than a certificate")
    tbs, algorithm, _ = members
    signature = encode_tlv(_BIT_STRING, _NO_UNUSED_BITS + sign(tbs.encode()))
    return encode_tlv(_SEQUENCE, tbs.encode() + algorithm.encode() + signature)


def check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Refuse what the issuer's certificate would not verify.

    Raises:
        SignerError: the key that signed is not that of the issuer's certificate.
    """
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise SignerError(f"the card CA's key does not belong to its certificate: {error!s:.100}") from error


def issuer_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Which of an issuer's keys (RFC 5280, 4.2.1.1)."""
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(_p256(issuer))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _p256(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise SignerError("the card CA's key is not on an elliptic curve")
    return key


def key_usage(*, certificates: bool) -> x509.KeyUsage:
    """Signing, and certificates only where they are asked for (RFC 5280, 4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
