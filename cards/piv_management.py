"""Administration of a PIV card: management key, key pairs, objects (NIST SP 800-73-5 part 2, 3.2.4 and 3.3)."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cards.aes import same
from cards.apdu import SHORT_LE_MAX, CommandApdu
from cards.errors import CardDataError
from cards.piv import ALGORITHM_P256, CARD_AUTHENTICATION_KEY
from cards.piv_objects import OBJECT_BYTES_MAX
from cards.processors import Processor
from cards.tlv import encode_tlv, find, parse_one, parse_tlvs

ALGORITHM_3DES: Final = 0x03
ALGORITHM_AES_128: Final = 0x08
ALGORITHM_AES_192: Final = 0x0A
ALGORITHM_AES_256: Final = 0x0C
"""SP 800-78-5, table 6-2."""
_KEY_BYTES: Final = {ALGORITHM_3DES: 24, ALGORITHM_AES_128: 16, ALGORITHM_AES_192: 24, ALGORITHM_AES_256: 32}

_INS_GENERAL_AUTHENTICATE: Final = 0x87
_INS_GENERATE: Final = 0x47
_INS_PUT_DATA: Final = 0xDB
_INS_SET_MANAGEMENT_KEY: Final = 0xFF
_MANAGEMENT_KEY: Final = 0x9B
_TAG_TEMPLATE, _TAG_WITNESS, _TAG_CHALLENGE, _TAG_RESPONSE = 0x7C, 0x80, 0x81, 0x82
_TAG_CONTROL, _TAG_MECHANISM, _TAG_PUBLIC_KEY, _TAG_POINT = 0xAC, 0x80, 0x7F49, 0x86
_TAG_LIST, _TAG_DATA_OBJECT = 0x5C, 0x53
_POINT_BYTES: Final = 65
"""04, x and y of P-256 (part 2, table 16)."""


@dataclass(frozen=True, repr=False)
class ManagementKey:
    """Algorithm and value. Secret: it has no printable form."""

    algorithm: int
    value: bytes

    def __post_init__(self) -> None:
        """Refuse what is none.

        Raises:
            ValueError: unknown algorithm, or a key of another length.
        """
        if _KEY_BYTES.get(self.algorithm) != len(self.value):
            raise ValueError(
                f"management key of {len(self.value)} bytes for algorithm {self.algorithm:02X}: "
                f"expected one of {', '.join(f'{each:02X}: {size}' for each, size in _KEY_BYTES.items())}"
            )

    def _cipher(self) -> Cipher[modes.ECB]:
        algorithm = TripleDES(self.value) if self.algorithm == ALGORITHM_3DES else algorithms.AES(self.value)
        return Cipher(algorithm, modes.ECB())  # noqa: S305 - one random block, as the standard says

    @property
    def block_bytes(self) -> int:
        """Length of a challenge."""
        return 8 if self.algorithm == ALGORITHM_3DES else 16

    def encrypt(self, block: bytes) -> bytes:
        """One block."""
        context = self._cipher().encryptor()
        return context.update(block) + context.finalize()

    def decrypt(self, block: bytes) -> bytes:
        """One block."""
        context = self._cipher().decryptor()
        return context.update(block) + context.finalize()


MAKERS_MANAGEMENT_KEY: Final = ManagementKey(ALGORITHM_3DES, bytes(range(1, 9)) * 3)
"""What PIV cards and applets are delivered with. Known to everyone, and so the first thing to be replaced."""


def authenticate(
    processor: Processor, key: ManagementKey, random: Callable[[int], bytes] = secrets.token_bytes
) -> None:
    """Prove the management key to the card, and let the card prove it (part 2, 3.2.4; appendix A.1, mutual).

    Raises:
        SecurityStatusError (cards.status_words): the card's key is another one.
        WrongDataError (cards.status_words): the card's key is of another algorithm.
        CardDataError: the card did not prove the key.
    """
    what = "GENERAL AUTHENTICATE with the management key"
    sealed = _authenticate(processor, key, encode_tlv(_TAG_WITNESS, b""), _TAG_WITNESS, what)
    if len(sealed) != key.block_bytes:
        raise CardDataError(f"{what}: witness of {len(sealed)} bytes, expected {key.block_bytes}")
    ours = random(key.block_bytes)
    proof = encode_tlv(_TAG_WITNESS, key.decrypt(sealed)) + encode_tlv(_TAG_CHALLENGE, ours)
    answer = _authenticate(processor, key, proof, _TAG_RESPONSE, what)
    if not same(answer, key.encrypt(ours)):
        raise CardDataError(f"{what}: the card did not answer our challenge")


def set_management_key(processor: Processor, key: ManagementKey) -> None:
    """Replace the management key; the administrator is authenticated.

    SP 800-73 has no command for it. This is the one that YubiKey and PivApplet share: INS FF with algorithm, slot,
    length and key.
    """
    data = bytes((key.algorithm, _MANAGEMENT_KEY, len(key.value))) + key.value
    command = CommandApdu(0x00, _INS_SET_MANAGEMENT_KEY, 0xFF, 0xFF, data)
    processor.transmit(command).expect_success("SET MANAGEMENT KEY")


def generate_key_pair(processor: Processor, slot: int = CARD_AUTHENTICATION_KEY) -> ec.EllipticCurvePublicKey:
    """A new P-256 key pair on the card, whose old one is gone; the administrator is authenticated (part 2, 3.3.2).

    The private key never leaves the card.

    Raises:
        CardDataError: the card's answer is no point of the curve.
    """
    what = f"GENERATE ASYMMETRIC KEY PAIR {slot:02X}"
    template = encode_tlv(_TAG_CONTROL, encode_tlv(_TAG_MECHANISM, bytes((ALGORITHM_P256,))))
    command = CommandApdu(0x00, _INS_GENERATE, 0x00, slot, template, SHORT_LE_MAX)
    answer = processor.transmit(command).expect_success(what)
    inner = parse_tlvs(parse_one(answer, _TAG_PUBLIC_KEY, shortest_lengths=False), shortest_lengths=False)
    point = find(inner, _TAG_POINT)
    if len(point) != _POINT_BYTES:
        raise CardDataError(f"{what}: public key of {len(point)} bytes, expected {_POINT_BYTES}")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise CardDataError(f"{what}: public key {point[:8].hex()}..: {error}") from None


def put_data(processor: Processor, object_tag: bytes, value: bytes, what: str) -> None:
    """Write an object whole, or take it away where `value` is empty (part 2, 3.3.1); as authenticated administrator.

    Raises:
        CardDataError: longer than cards take.
    """
    if len(value) > OBJECT_BYTES_MAX:
        raise CardDataError(f"{what} of {len(value)} bytes: expected at most {OBJECT_BYTES_MAX}")
    data = encode_tlv(_TAG_LIST, object_tag) + encode_tlv(_TAG_DATA_OBJECT, value)
    processor.transmit(CommandApdu(0x00, _INS_PUT_DATA, 0x3F, 0xFF, data)).expect_success(f"PUT DATA {what}")


def _authenticate(processor: Processor, key: ManagementKey, members: bytes, wanted: int, what: str) -> bytes:
    command = CommandApdu(
        0x00,
        _INS_GENERAL_AUTHENTICATE,
        key.algorithm,
        _MANAGEMENT_KEY,
        encode_tlv(_TAG_TEMPLATE, members),
        SHORT_LE_MAX,
    )
    answer = processor.transmit(command).expect_success(what)
    inner = parse_one(answer, _TAG_TEMPLATE, shortest_lengths=False)
    return find(parse_tlvs(inner, shortest_lengths=False), wanted)
