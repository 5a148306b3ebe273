"""EV2 secure messaging: authentication with a key of the card, and commands that both sides can trust (9.1).

Sections in this module are those of NXP's data sheet NT4H2421Gx, rev. 3.0.
"""

import secrets
from collections.abc import Callable
from typing import Final

from cards.aes import BLOCK_BYTES, cbc_decrypt, cbc_encrypt, check_key, cmac, encrypt_block, odd_bytes, same, xor
from cards.errors import CardDataError
from cards.ntag424 import native
from cards.processors import Processor

MAC_BYTES: Final = 8
_INS_FIRST: Final = 0x71
_TI_BYTES: Final = 4
_ANSWER_BYTES: Final = 32
"""TI, RndA' and two capability fields of 6 bytes (10.4.1)."""
_COMMAND_COUNTER_END: Final = 0xFFFF
_LABEL_ENCRYPTION: Final = b"\xa5\x5a"
_LABEL_MAC: Final = b"\x5a\xa5"
"""Labels of session vectors (9.1.7) and, the same bytes, of initial vectors for command and answer (9.1.4)."""
_STATUS_OK: Final = 0x00


def session_keys(key: bytes, a: bytes, b: bytes) -> tuple[bytes, bytes]:
    """Keys for encryption and MAC from the reader's random `a` and the card's `b` (9.1.7)."""
    context = b"\x00\x01\x00\x80" + a[0:2] + xor(a[2:8], b[0:6]) + b[6:16] + a[8:16]
    return cmac(key, _LABEL_ENCRYPTION + context), cmac(key, _LABEL_MAC + context)


def padded(data: bytes) -> bytes:
    """ISO/IEC 9797-1, padding method 2."""
    return (data + b"\x80").ljust(-(-(len(data) + 1) // BLOCK_BYTES) * BLOCK_BYTES, b"\0")


def unpadded(data: bytes) -> bytes:
    """Without that padding.

    Raises:
        CardDataError: there is none.
    """
    plain = data.rstrip(b"\0")
    if not plain.endswith(b"\x80") or len(data) - len(plain) >= BLOCK_BYTES:
        raise CardDataError(f"decrypted answer of {len(data)} bytes: expected padding 80 00..")
    return plain[:-1]


class SecureSession:
    """An authenticated session with one card. It ends with the first refusal, and with any selection.

    Every method raises CardGoneError (away), CardAnswerError (refused) or CardDataError (not the card's answer).
    """

    def __init__(
        self, processor: Processor, key_number: int, ti: bytes, keys: tuple[bytes, bytes], *, counter: int = 0
    ) -> None:
        """See `authenticate`. `keys`: for encryption, for MACs; `counter`: commands so far."""
        self._processor = processor
        self.key_number = key_number
        self._ti = ti
        self._encryption_key, self._mac_key = keys
        self._counter = counter

    @classmethod
    def authenticate(
        cls,
        processor: Processor,
        key_number: int,
        key: bytes,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> "SecureSession":
        """AuthenticateEV2First (10.4.1): both sides prove the key to each other.

        Raises:
            AuthenticationError (cards.ntag424.native): the card's key is another one.
            CardDataError: the card did not prove the key.
        """
        check_key(key, "key")
        what = f"AuthenticateEV2First with key {key_number}"
        sealed = native.exchange(processor, _INS_FIRST, bytes((key_number, 0)), what, expected=native.MORE)
        if len(sealed) != BLOCK_BYTES:
            raise CardDataError(f"{what}: challenge of {len(sealed)} bytes, expected {BLOCK_BYTES}")
        theirs = cbc_decrypt(key, sealed)
        ours = random(BLOCK_BYTES)
        proof = cbc_encrypt(key, ours + theirs[1:] + theirs[:1])
        answer = native.exchange(processor, native.INS_CONTINUE, proof, what)
        if len(answer) != _ANSWER_BYTES:
            raise CardDataError(f"{what}: answer of {len(answer)} bytes, expected {_ANSWER_BYTES}")
        plain = cbc_decrypt(key, answer)
        if not same(plain[_TI_BYTES : _TI_BYTES + BLOCK_BYTES], ours[1:] + ours[:1]):
            raise CardDataError(f"{what}: the card did not answer our challenge")
        return cls(processor, key_number, plain[:_TI_BYTES], session_keys(key, ours, theirs))

    def plain(self, ins: int, data: bytes, what: str) -> bytes:
        """A command in CommMode.Plain: nothing protects it, but the session counts it."""
        answer = native.exchange(self._processor, ins, data, what)
        self._counted()
        return answer

    def maced(self, ins: int, header: bytes, what: str, data: bytes = b"") -> bytes:
        """A command in CommMode.MAC (9.1.9)."""
        body = header + data
        answer = native.exchange(self._processor, ins, body + self._mac(ins, body), what)
        return self._checked(answer, what)

    def full(self, ins: int, header: bytes, what: str, data: bytes = b"") -> bytes:
        """A command in CommMode.Full: data encrypted both ways (9.1.10)."""
        body = header
        if data:
            body += cbc_encrypt(self._encryption_key, padded(data), self._iv(_LABEL_ENCRYPTION))
        answer = native.exchange(self._processor, ins, body + self._mac(ins, body), what)
        sealed = self._checked(answer, what)
        if not sealed:
            return b""
        if len(sealed) % BLOCK_BYTES:
            raise CardDataError(f"{what}: {len(sealed)} encrypted bytes, expected whole blocks of {BLOCK_BYTES}")
        return unpadded(cbc_decrypt(self._encryption_key, sealed, self._iv(_LABEL_MAC)))

    def ending(self, ins: int, header: bytes, what: str, data: bytes) -> None:
        """A command in CommMode.Full with whose success the session ends on the card: its answer has no MAC."""
        body = header + cbc_encrypt(self._encryption_key, padded(data), self._iv(_LABEL_ENCRYPTION))
        answer = native.exchange(self._processor, ins, body + self._mac(ins, body), what)
        if answer:
            raise CardDataError(f"{what}: answer of {len(answer)} bytes, expected none")

    def _mac(self, first: int, body: bytes) -> bytes:
        """Over a command's code or an answer's status, the counter, the session and what goes along (9.1.3)."""
        counter = self._counter.to_bytes(2, "little")
        return odd_bytes(cmac(self._mac_key, bytes((first,)) + counter + self._ti + body))

    def _iv(self, label: bytes) -> bytes:
        return encrypt_block(self._encryption_key, label + self._ti + self._counter.to_bytes(2, "little") + bytes(8))

    def _counted(self) -> None:
        if self._counter == _COMMAND_COUNTER_END:
            raise CardDataError(f"{_COMMAND_COUNTER_END} commands in one session: authenticate again")
        self._counter += 1

    def _checked(self, answer: bytes, what: str) -> bytes:
        self._counted()
        if len(answer) < MAC_BYTES:
            raise CardDataError(f"{what}: answer of {len(answer)} bytes, expected at least a MAC of {MAC_BYTES}")
        data, mac = answer[:-MAC_BYTES], answer[-MAC_BYTES:]
        if not same(self._mac(_STATUS_OK, data), mac):
            raise CardDataError(f"{what}: the answer's MAC is not of this session")
        return data
