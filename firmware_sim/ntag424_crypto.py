"""The cryptography inside an NTAG 424 DNA chip: EV2 sessions and secure dynamic messaging (NT4H2421Gx, section 9)."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

_ZEROS = bytes(16)


def cipher(key: bytes, data: bytes, iv: bytes = _ZEROS, *, decrypt: bool = False) -> bytes:
    """AES-128 CBC over whole blocks; with the zero IV and one block this is a plain encryption."""
    aes = Cipher(algorithms.AES128(key), modes.CBC(iv))
    context = aes.decryptor() if decrypt else aes.encryptor()
    return context.update(data) + context.finalize()


def mac(key: bytes, message: bytes) -> bytes:
    """CMAC, 16 bytes."""
    context = CMAC(algorithms.AES128(key))
    context.update(message)
    return context.finalize()


def short_mac(key: bytes, message: bytes) -> bytes:
    """Every second byte of the CMAC, beginning with the second (section 9.1.3)."""
    whole = mac(key, message)
    return bytes(whole[index] for index in range(1, 16, 2))


def padded(data: bytes) -> bytes:
    """ISO/IEC 9797-1 method 2: 80, then zeros to a whole block; always something."""
    data += b"\x80"
    return data + bytes(-len(data) % 16)


def unpadded(data: bytes) -> bytes | None:
    """What was padded, or None if nothing was."""
    stripped = data.rstrip(b"\0")
    return stripped[:-1] if stripped.endswith(b"\x80") and len(data) - len(stripped) < 16 else None  # noqa: PLR2004


def rotated(data: bytes) -> bytes:
    """One byte to the left, as both sides answer a challenge."""
    return data[1:] + data[:1]


def crc32(data: bytes) -> bytes:
    """IEEE 802.3 over the new key of ChangeKey, without the final complement, least significant byte first."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xEDB88320 if register & 1 else 0)
    return register.to_bytes(4, "little")


@dataclass
class Session:
    """An authenticated session (section 9.1)."""

    key_number: int
    identifier: bytes
    encryption_key: bytes
    mac_key: bytes
    counter: int = 0

    @classmethod
    def between(cls, key_number: int, key: bytes, identifier: bytes, a: bytes, b: bytes) -> "Session":
        """From the randoms of both sides: `a` the reader's, `b` the card's (section 9.1.7)."""
        mixed = bytes(x ^ y for x, y in zip(a[2:8], b[:6], strict=True))
        context = b"\x00\x01\x00\x80" + a[:2] + mixed + b[6:] + a[8:]
        return cls(key_number, identifier, mac(key, b"\xa5\x5a" + context), mac(key, b"\x5a\xa5" + context))

    def mac_of(self, first: int, body: bytes, counter: int) -> bytes:
        """Over a command (its code first) or an answer (its status first)."""
        return short_mac(self.mac_key, bytes([first]) + counter.to_bytes(2, "little") + self.identifier + body)

    def _iv(self, label: bytes, counter: int) -> bytes:
        return cipher(self.encryption_key, label + self.identifier + counter.to_bytes(2, "little") + bytes(8))

    def opened(self, data: bytes) -> bytes | None:
        """A command's data in full mode; None if they were not encrypted in this session."""
        if not data or len(data) % 16:
            return None
        return unpadded(cipher(self.encryption_key, data, self._iv(b"\xa5\x5a", self.counter), decrypt=True))

    def sealed(self, data: bytes) -> bytes:
        """An answer's data in full mode."""
        return cipher(self.encryption_key, padded(data), self._iv(b"\x5a\xa5", self.counter + 1))


def sdm_keys(file_key: bytes, uid: bytes, counter: bytes) -> tuple[bytes, bytes]:
    """Encryption and MAC key of one reading (section 9.3.9.1)."""
    tail = b"\x00\x01\x00\x80" + uid + counter
    return mac(file_key, b"\xc3\x3c" + tail), mac(file_key, b"\x3c\xc3" + tail)
