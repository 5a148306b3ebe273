"""Keys and reference data inside a PIV card: key pairs, management key, PIN and PUK (SP 800-73-4 part 2)."""

import random
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from firmware_sim.apdu_server import (
    SW_AUTHENTICATION_BLOCKED,
    SW_CONDITIONS_OF_USE,
    SW_OK,
    SW_SECURITY_STATUS,
    SW_WRONG_DATA,
)

P256 = 0x11
_BLOCK_BYTES = {0x03: 8, 0x08: 16, 0x0A: 16, 0x0C: 16}  # SP 800-78-4 table 6-2: 3DES, AES-128, -192, -256
_KEY_BYTES = {0x03: 24, 0x08: 16, 0x0A: 24, 0x0C: 32}
REFERENCE_BYTES = 8
_WITNESS, _CHALLENGE, _RESPONSE = 0x80, 0x81, 0x82
FACTORY_MANAGEMENT_KEY = bytes(range(1, 9)) * 3
"""What the makers of PIV cards and applets put in, for 3DES."""
FACTORY_PIN, FACTORY_PUK = "123456", "12345678"


def reference(digits: str) -> bytes:
    """A PIN or PUK as it crosses the interface: eight bytes, padded with FF (part 2 section 2.4.3)."""
    return digits.encode("ascii").ljust(REFERENCE_BYTES, b"\xff")


@dataclass
class Reference:
    """PIN or PUK with its retry counter."""

    value: bytes
    tries_max: int
    tries: int = field(init=False)

    def __post_init__(self) -> None:
        """All tries there."""
        self.tries = self.tries_max

    def check(self, given: bytes) -> int:
        """The status word of a comparison; a right one gives all tries back."""
        if self.tries == 0:
            return SW_AUTHENTICATION_BLOCKED
        if len(given) != REFERENCE_BYTES:
            return SW_WRONG_DATA
        if given == self.value:
            self.tries = self.tries_max
            return SW_OK
        self.tries -= 1
        return 0x63C0 | self.tries

    def set(self, value: bytes) -> None:
        """A new value, all tries."""
        self.value = value
        self.tries = self.tries_max


class ManagementKey:
    """Slot 9B: mutual and external authentication of the administrator (part 2 appendix A.1)."""

    def __init__(self, rng: random.Random) -> None:
        """The factory's."""
        self._random = rng.randbytes
        self.algorithm = 0x03
        self.value = FACTORY_MANAGEMENT_KEY
        self.forget()

    def forget(self) -> None:
        """Nobody has authenticated."""
        self.authenticated = False
        self._witness: bytes | None = None
        self._challenge: bytes | None = None

    def _cipher(self, data: bytes, *, decrypt: bool = False) -> bytes:
        algorithm = TripleDES(self.value) if self.algorithm == 0x03 else algorithms.AES(self.value)  # noqa: PLR2004
        mode = Cipher(algorithm, modes.ECB())  # noqa: S305 - one block, as the standard says
        context = mode.decryptor() if decrypt else mode.encryptor()
        return context.update(data) + context.finalize()

    def replace(self, algorithm: int, value: bytes) -> int:
        """The makers' command for it; its status word."""
        if not self.authenticated:
            return SW_SECURITY_STATUS
        if _KEY_BYTES.get(algorithm) != len(value):
            return SW_WRONG_DATA
        self.algorithm, self.value = algorithm, value
        return SW_OK

    def authenticate(self, template: dict[int, bytes]) -> tuple[dict[int, bytes], int]:
        """One step: what the template asks for, and the status word."""
        witness, challenge = self._witness, self._challenge
        self._witness = self._challenge = None
        size = _BLOCK_BYTES[self.algorithm]
        if template == {_WITNESS: b""}:
            self._witness = self._random(size)
            return {_WITNESS: self._cipher(self._witness)}, SW_OK
        if template == {_CHALLENGE: b""}:
            self._challenge = self._random(size)
            return {_CHALLENGE: self._challenge}, SW_OK
        if template.keys() >= {_WITNESS, _CHALLENGE} and witness is not None:
            if template[_WITNESS] != witness or len(template[_CHALLENGE]) != size:
                self.authenticated = False
                return {}, SW_SECURITY_STATUS
            self.authenticated = True
            return {_RESPONSE: self._cipher(template[_CHALLENGE])}, SW_OK
        if template.keys() == {_RESPONSE} and challenge is not None:
            self.authenticated = self._cipher(challenge) == template[_RESPONSE]
            return {}, SW_OK if self.authenticated else SW_SECURITY_STATUS
        return {}, SW_WRONG_DATA if challenge is None and witness is None else SW_CONDITIONS_OF_USE


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as GENERATE ASYMMETRIC KEY PAIR answers it: 04, x, y."""
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def signed(key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    """ECDSA over a SHA-256 hash, DER."""
    return key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
