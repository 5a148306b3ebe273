"""The card CA's key in a hardware security module, by PKCS#11: it is made there, signs there, and never leaves.

Needs the extra `hsm`. SoftHSM2 is such a module in software, for trials and tests.
"""

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from cards.issuing.card_ca import ca_certificate
from cards.issuing.signer import SignerError

if TYPE_CHECKING:
    from pkcs11 import Session

_HALF_BYTES: Final = 32
_POINT_BYTES: Final = 65
_CURVE: Final = "secp256r1"


@dataclass(frozen=True)
class HsmKey:
    """Where the key is. The PIN of the token is no part of it, and stands in no configuration file."""

    module: Path
    """The module's PKCS#11 library, such as `/usr/lib/softhsm/libsofthsm2.so`."""
    token: str
    """The token's label."""
    key: str
    """The key's label."""


class HsmSigner:
    """A `cards.issuing.signer.Signer` whose key is in a module."""

    def __init__(self, where: HsmKey, pin: str, certificate: x509.Certificate) -> None:
        """`pin`: of the token's user; `certificate`: of the key there, as `create_ca` gave it."""
        self._where = where
        self._pin = pin
        self._certificate = certificate
        self._lock = threading.Lock()  # modules differ in what they do with two sessions of a process

    @property
    def certificate(self) -> x509.Certificate:
        """The CA's certificate."""
        return self._certificate

    def sign(self, message: bytes) -> bytes:
        """As `cards.issuing.signer.Signer.sign`; a session of its own each time, so that a module may be reconnected.

        Raises:
            SignerError: no module, no such token or key, a wrong PIN.
        """
        with self._lock:
            return _signed(self._where, self._pin, message)


def create_ca(where: HsmKey, pin: str, name: str, *, valid_from: datetime, valid_until: datetime) -> x509.Certificate:
    """Make a P-256 key in the module, and its certificate. The certificate is not kept there: keep it.

    Raises:
        SignerError: as `HsmSigner.sign`, or a key of this label is there already.
    """
    public_key = _generated(where, pin)
    return ca_certificate(
        public_key, lambda message: _signed(where, pin, message), name, valid_from=valid_from, valid_until=valid_until
    )


def _generated(where: HsmKey, pin: str) -> ec.EllipticCurvePublicKey:
    pkcs11 = _library()
    from pkcs11.util.ec import encode_named_curve_parameters  # noqa: PLC0415 - an extra, which is there

    with _Session(where, pin, writable=True) as session:
        if list(session.get_objects({pkcs11.Attribute.LABEL: where.key})):
            raise SignerError(f"token {where.token!r} has a key {where.key!r} already: choose another label")
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(_CURVE)}, local=True
        )
        public, _private = parameters.generate_keypair(store=True, label=where.key)
        # an OCTET STRING around the point (PKCS#11 2.40, 2.3.3)
        point = bytes(public[pkcs11.Attribute.EC_POINT])[-_POINT_BYTES:]
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def _signed(where: HsmKey, pin: str, message: bytes) -> bytes:
    pkcs11 = _library()
    with _Session(where, pin) as session:
        key: Any = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=where.key)
        # hashed here: not every module can hash and sign in one
        raw = key.sign(hashlib.sha256(message).digest(), mechanism=pkcs11.Mechanism.ECDSA)
    r, s = (int.from_bytes(half, "big") for half in (raw[:_HALF_BYTES], raw[_HALF_BYTES:]))
    return encode_dss_signature(r, s)


def _library() -> ModuleType:
    try:
        import pkcs11  # noqa: PLC0415 - an extra
    except ImportError:
        raise SignerError("keys in a security module need the extra hsm: pip install 'medtap[hsm]'") from None
    return pkcs11


class _Session:
    """A session with the token, whose failures are ours."""

    def __init__(self, where: HsmKey, pin: str, *, writable: bool = False) -> None:
        self._where = where
        self._pin = pin
        self._writable = writable

    def __enter__(self) -> "Session":
        pkcs11 = _library()
        try:
            token = pkcs11.lib(str(self._where.module)).get_token(token_label=self._where.token)
            session: Session = token.open(user_pin=self._pin, rw=self._writable)
        except (pkcs11.PKCS11Error, RuntimeError, OSError, ValueError) as error:
            raise self._refused(error) from None
        self._session = session
        return session

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._session.close()
        if error is not None and not isinstance(error, SignerError) and isinstance(error, Exception):
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> SignerError:
        where = f"module {self._where.module}, token {self._where.token!r}, key {self._where.key!r}"
        return SignerError(f"{where}: {type(error).__name__} {error!s:.100}; look at module, labels and PIN")
