"""AES-128 as cards use it: single blocks, CBC without padding, CMAC, and a comparison that takes its time."""

import hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

BLOCK_BYTES: Final = 16
KEY_BYTES: Final = 16
ZERO_BLOCK: Final = bytes(BLOCK_BYTES)


def encrypt_block(key: bytes, block: bytes) -> bytes:
    """One block (FIPS 197)."""
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - one block, the caller's mode
    return encryptor.update(block) + encryptor.finalize()


def decrypt_block(key: bytes, block: bytes) -> bytes:
    """One block (FIPS 197)."""
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305 - one block, the caller's mode
    return decryptor.update(block) + decryptor.finalize()


def cbc_encrypt(key: bytes, data: bytes, iv: bytes = ZERO_BLOCK) -> bytes:
    """Whole blocks, no padding (SP 800-38A, 6.2).

    Raises:
        ValueError: `data` is not whole blocks.
    """
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def cbc_decrypt(key: bytes, data: bytes, iv: bytes = ZERO_BLOCK) -> bytes:
    """Whole blocks, no padding (SP 800-38A, 6.2).

    Raises:
        ValueError: `data` is not whole blocks.
    """
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC, all 16 bytes (RFC 4493)."""
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def odd_bytes(mac: bytes) -> bytes:
    """NXP's truncation of a MAC of 16 bytes to 8: those at the odd places 1, 3 to 15 (NT4H2421Gx, 9.1.3)."""
    return mac[1::2]


def doubled(block: bytes) -> bytes:
    """Times x in GF(2^128), the step that makes CMAC's sub-keys (RFC 4493, 2.3)."""
    value = int.from_bytes(block, "big") << 1
    if value >> 128:
        value = (value & ((1 << 128) - 1)) ^ 0x87
    return value.to_bytes(BLOCK_BYTES, "big")


def xor(left: bytes, right: bytes) -> bytes:
    """Byte by byte.

    Raises:
        ValueError: the lengths differ.
    """
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def same(left: bytes, right: bytes) -> bool:
    """Whether two byte strings are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(left, right)


def check_key(key: bytes, what: str) -> bytes:
    """The key, if it is one.

    Raises:
        ValueError: not 16 bytes. The message does not say which.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"{what} of {len(key)} bytes: expected {KEY_BYTES}")
    return key
