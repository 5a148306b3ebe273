"""The sealed file with what issuing keeps secret: card CA, master keys of both profiles, emergency terminals' keys.

Whoever has the file and its passphrase can make cards: it belongs on the issuing desk's machine and in a safe, and
never on a reader.

    {"medtap_issuing_keys": 1, "kdf": {"scrypt": ..}, "nonce": .., "sealed": ..}

AES-256-GCM; the key comes from the passphrase by scrypt (RFC 7914); everything outside is authenticated with it.
"""

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from cards.issuing.card_ca import ca_certificate
from cards.issuing.signer import SignerError
from cards.issuing.status_key import StatusKey
from cards.ntag424.desk_keys import DeskKeys
from cards.ntag424.keys import KeyMasters

MASTER_BYTES: Final = 16
PIV_MASTER_BYTES: Final = 32
PASSPHRASE_CHARACTERS_MIN: Final = 12
FILE_BYTES_MAX: Final = 64 * 1024
_VERSION: Final = 1
_SCRYPT_N: Final = 2**15
_SCRYPT_N_MAX: Final = 2**20
_SCRYPT_R: Final = 8
_SCRYPT_P: Final = 1
"""RFC 7914, 2, and 32 MiB of memory: a tenth of a second here, and dear for who tries passphrases."""
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_HEAD: Final = "medtap_issuing_keys"


class KeyFileError(SignerError):
    """The sealed file can't be opened, or not with this passphrase."""


@dataclass(frozen=True, repr=False)
class IssuingKeys:
    """All secrets of issuing. They have no printable form."""

    ca_key: ec.EllipticCurvePrivateKey
    ca_certificate: x509.Certificate
    tag_masters: KeyMasters
    piv_masters: Mapping[int, bytes]
    """By the same versions as `tag_masters`."""
    terminal_keys: tuple[ec.EllipticCurvePrivateKey, ...]
    """Of terminals that may read emergency records, newest generation first."""

    @classmethod
    def create(cls, ca_name: str, *, valid_from: datetime, valid_until: datetime) -> "IssuingKeys":
        """New ones, version 1."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = ca_certificate(
            key.public_key(), _signing_with(key), ca_name, valid_from=valid_from, valid_until=valid_until
        )
        masters = KeyMasters({1: secrets.token_bytes(MASTER_BYTES)}, current=1)
        terminal = ec.generate_private_key(ec.SECP256R1())
        return cls(key, certificate, masters, {1: secrets.token_bytes(PIV_MASTER_BYTES)}, (terminal,))

    def rotated(self) -> "IssuingKeys":
        """With new master keys of the next version for new cards; the old ones stay, for the cards that have them."""
        version = self.tag_masters.current + 1
        tags = {**self.tag_masters.by_version, version: secrets.token_bytes(MASTER_BYTES)}
        return replace(
            self,
            tag_masters=KeyMasters(tags, current=version),
            piv_masters={**self.piv_masters, version: secrets.token_bytes(PIV_MASTER_BYTES)},
        )

    def with_new_terminal_key(self) -> "IssuingKeys":
        """With one more generation of terminal keys."""
        return replace(self, terminal_keys=(ec.generate_private_key(ec.SECP256R1()), *self.terminal_keys))

    def terminal_public_keys(self, generations: int = 2) -> tuple[ec.EllipticCurvePublicKey, ...]:
        """Whom to seal emergency records for: the newest generations.

        Two, while terminals are being given the newest; one, once all have it, or where the one before was stolen.
        """
        return tuple(key.public_key() for key in self.terminal_keys[:generations])

    @property
    def certificate(self) -> x509.Certificate:
        """As `cards.issuing.signer.Signer`."""
        return self.ca_certificate

    def sign(self, message: bytes) -> bytes:
        """As `cards.issuing.signer.Signer`."""
        return _signing_with(self.ca_key)(message)

    def _to_json(self) -> dict[str, Any]:
        return {
            "ca_key": _private_text(self.ca_key),
            "ca_certificate": _text(self.ca_certificate.public_bytes(serialization.Encoding.DER)),
            "current": self.tag_masters.current,
            "tag_masters": {str(version): _text(key) for version, key in self.tag_masters.by_version.items()},
            "piv_masters": {str(version): _text(key) for version, key in self.piv_masters.items()},
            "terminal_keys": [_private_text(key) for key in self.terminal_keys],
        }

    @classmethod
    def _from_json(cls, value: dict[str, Any]) -> "IssuingKeys":
        key = _private_key(value["ca_key"])
        certificate = x509.load_der_x509_certificate(_bytes(value["ca_certificate"]))
        tags = {int(version): _bytes(text) for version, text in value["tag_masters"].items()}
        piv = {int(version): _bytes(text) for version, text in value["piv_masters"].items()}
        terminals = tuple(_private_key(text) for text in value["terminal_keys"])
        return cls(key, certificate, KeyMasters(tags, current=value["current"]), piv, terminals)


def _private_text(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return _text(der)


def _private_key(text: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_der_private_key(_bytes(text), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("a private key that is not on an elliptic curve")
    return key


def _signing_with(key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    return lambda message: key.sign(message, ec.ECDSA(hashes.SHA256()))


def seal(keys: IssuingKeys, passphrase: str) -> bytes:
    """The file's content.

    Raises:
        KeyFileError: a passphrase that is too short.
    """
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        raise KeyFileError(
            f"passphrase of {len(passphrase)} characters: expected at least {PASSPHRASE_CHARACTERS_MIN}; "
            "four words that nobody would say together are easy to keep"
        )
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    kdf = {"scrypt": {"n": _SCRYPT_N, "r": _SCRYPT_R, "p": _SCRYPT_P, "salt": _text(salt)}}
    key = _derived(passphrase, salt, _SCRYPT_N)
    sealed = AESGCM(key).encrypt(nonce, json.dumps(keys._to_json()).encode(), _authenticated(kdf))  # noqa: SLF001
    content = {_HEAD: _VERSION, "kdf": kdf, "nonce": _text(nonce), "sealed": _text(sealed)}
    return json.dumps(content, indent=1).encode() + b"\n"


def unseal(content: bytes, passphrase: str) -> IssuingKeys:
    """The secrets in a file's content.

    Raises:
        KeyFileError: not such a file, damaged, or another passphrase.
    """
    try:
        value = json.loads(content) if len(content) <= FILE_BYTES_MAX else {}
        kdf, nonce, sealed = value["kdf"], _bytes(value["nonce"]), _bytes(value["sealed"])
        parameters = kdf["scrypt"]
        cost, salt = parameters["n"], _bytes(parameters["salt"])
        known = value[_HEAD] == _VERSION and (parameters["r"], parameters["p"]) == (_SCRYPT_R, _SCRYPT_P)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        known = False
    if not known or not isinstance(cost, int) or not 1 < cost <= _SCRYPT_N_MAX or cost & (cost - 1):
        raise KeyFileError(f"not a file of issuing keys of version {_VERSION}, or damaged: take the copy from the safe")
    try:
        plain = AESGCM(_derived(passphrase, salt, cost)).decrypt(nonce, sealed, _authenticated(kdf))
    except (InvalidTag, ValueError):
        raise KeyFileError("the issuing keys do not open: another passphrase, or the file is damaged") from None
    try:
        return IssuingKeys._from_json(json.loads(plain))  # noqa: SLF001
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"the issuing keys opened and are not what they should be: {error!s:.100}") from None


def write_key_file(path: Path, keys: IssuingKeys, passphrase: str, *, replacing: bool = False) -> None:
    """Seal into a file that only its owner can read, whole or not at all.

    Raises:
        KeyFileError: the file exists and is not to be replaced, or it can't be written.
    """
    _write_secret(path, seal(keys, passphrase), replacing=replacing)


def write_terminal_keys(path: Path, keys: IssuingKeys, generations: int = 2) -> None:
    """The private keys for a terminal that may read emergency records: PEM, for its owner's eyes only.

    Raises:
        KeyFileError: the file exists, or it can't be written.
    """
    pem = b"".join(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        for key in keys.terminal_keys[:generations]
    )
    _write_secret(path, pem, replacing=False)


def write_desk_keys(path: Path, keys: IssuingKeys) -> None:
    """The keys with which a desk's reader judges the addresses of NTAG 424 cards: JSON, for its owner's eyes only.

    Raises:
        KeyFileError: the file exists, or it can't be written.
    """
    _write_secret(path, DeskKeys.of(keys.tag_masters).to_json(), replacing=False)


def write_status_key(path: Path, key: StatusKey) -> None:
    """The key that card status lists are signed with, and its certificate: PEM, for the gateway's eyes only.

    Raises:
        KeyFileError: the file exists, or it can't be written.
    """
    _write_secret(path, key.to_pem(), replacing=False)


def _write_secret(path: Path, content: bytes, *, replacing: bool) -> None:
    if path.exists() and not replacing:
        raise KeyFileError(f"{path} exists: secrets are never overwritten by accident; move it away first")
    try:
        descriptor, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # readable by its owner only
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise KeyFileError(f"nothing written to {path}: {error}") from None


def read_key_file(path: Path, passphrase: str) -> IssuingKeys:
    """Open a sealed file.

    Raises:
        KeyFileError: not there, not such a file, damaged, or another passphrase.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"issuing keys not read from {path}: {error}") from None
    return unseal(content, passphrase)


def _derived(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost, r=_SCRYPT_R, p=_SCRYPT_P).derive(passphrase.encode())


def _authenticated(kdf: dict[str, Any]) -> bytes:
    return json.dumps({_HEAD: _VERSION, "kdf": kdf}, sort_keys=True).encode()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(text: str) -> bytes:
    value = base64.b64decode(text, validate=True)
    if _text(value) != text:
        raise ValueError("not the one form that base64 has for these bytes")
    return value
