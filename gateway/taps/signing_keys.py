"""Keys that the gateway makes for itself and keeps in its database: for presence tokens, and for status lists.

They open nothing and issue no card. Who can read the database could say that a patient is present, or that a lost card
is not lost; a hospital that minds the latter gives the gateway a status key in a file (`[taps] status_key_file`).
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cards.issuing.signer import SignerError
from cards.issuing.status_key import StatusKey, make_status_key
from gateway.db.pool import Connection
from gateway.errors import ConfigError

_STATUS_YEARS: Final = timedelta(days=20 * 365)
"""A key that ends while nobody thinks of it would let lost cards pass where a node is cut off."""
_NAME: Final = "medtap gateway card status"


def presence_key(connection: Connection, now: datetime) -> ec.EllipticCurvePrivateKey:
    """The key of presence tokens, made at its first use; the same in all gateways of one database."""
    made = ec.generate_private_key(ec.SECP256R1())
    der, _ = _kept(connection, "presence", made, None, now)
    return _load(der)


def own_status_key(connection: Connection, now: datetime) -> StatusKey:
    """The status key in the database, made at its first use, with a certificate of its own."""
    made = make_status_key(_NAME, valid_from=now, valid_until=now + _STATUS_YEARS)
    certificate = made.certificate.public_bytes(serialization.Encoding.DER)
    der, kept = _kept(connection, "card_status", made.key, certificate, now)
    return StatusKey(_load(der), x509.load_der_x509_certificate(kept or certificate))


def status_key(connection: Connection, file: Path | None, now: datetime) -> StatusKey:
    """The one in the file, or the gateway's own.

    Raises:
        ConfigError: the file holds none.
    """
    if file is None:
        return own_status_key(connection, now)
    try:
        return StatusKey.from_pem(file.read_bytes())
    except (OSError, SignerError) as error:
        raise ConfigError(f"taps.status_key_file: got {str(file)!r}: {error}") from None


def _kept(
    connection: Connection, purpose: str, key: ec.EllipticCurvePrivateKey, certificate: bytes | None, now: datetime
) -> tuple[bytes, bytes | None]:
    """Key and certificate as they are in the database, these if there were none."""
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    connection.execute(
        "INSERT INTO signing_key (purpose, private_key, certificate, made_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (purpose, der, certificate, now),
    )
    row = connection.execute(
        "SELECT private_key, certificate FROM signing_key WHERE purpose = %s", (purpose,)
    ).fetchone()
    if row is None:
        raise RuntimeError(f"signing key {purpose!r} vanished between insert and select: something deletes from it")
    return bytes(row[0]), None if row[1] is None else bytes(row[1])


def _load(der: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_der_private_key(der, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError("table signing_key holds a key that is not on an elliptic curve: delete its row")
    return key
