"""Leakage-resilient primitive of NTAG 424 DNA: the mode that a chip may be put into instead of AES (NXP AN12304)."""

from typing import Final

from cards.aes import BLOCK_BYTES, ZERO_BLOCK, decrypt_block, doubled, encrypt_block, xor

_NIBBLES: Final = 16
_FIVES: Final = b"\x55" * BLOCK_BYTES
_TENS: Final = b"\xaa" * BLOCK_BYTES


class Lrp:
    """A key's plaintexts and one of its updated keys (AN12304, 2.1 and 2.2)."""

    def __init__(self, key: bytes, updated_key: int) -> None:
        """`updated_key`: 0 for MACs, 1 for encryption."""
        self._plaintexts = []
        state = encrypt_block(key, _FIVES)
        for _ in range(_NIBBLES):
            self._plaintexts.append(encrypt_block(state, _TENS))
            state = encrypt_block(state, _FIVES)
        state = encrypt_block(key, _TENS)
        for _ in range(updated_key):
            state = encrypt_block(state, _FIVES)
        self._key = encrypt_block(state, _TENS)

    def _evaluated(self, message: bytes) -> bytes:
        """Algorithm 3, nibble by nibble, with the final step."""
        state = self._key
        for byte in message:
            state = encrypt_block(state, self._plaintexts[byte >> 4])
            state = encrypt_block(state, self._plaintexts[byte & 0x0F])
        return encrypt_block(state, ZERO_BLOCK)

    def decrypt(self, data: bytes, counter: bytes) -> bytes:
        """Whole blocks, indexed by a counter that rises with each (algorithm 5).

        Raises:
            ValueError: `data` is not whole blocks.
        """
        if len(data) % BLOCK_BYTES:
            raise ValueError(f"{len(data)} bytes: expected whole blocks of {BLOCK_BYTES}")
        number, size = int.from_bytes(counter, "big"), len(counter)
        plain = b""
        for offset in range(0, len(data), BLOCK_BYTES):
            index = (number % (1 << 8 * size)).to_bytes(size, "big")
            plain += decrypt_block(self._evaluated(index), data[offset : offset + BLOCK_BYTES])
            number += 1
        return plain

    def cmac(self, message: bytes) -> bytes:
        """CMAC with this primitive in AES's place (algorithm 6)."""
        blocks = [message[at : at + BLOCK_BYTES] for at in range(0, len(message), BLOCK_BYTES)] or [b""]
        sub_key = doubled(self._evaluated(ZERO_BLOCK))
        last = blocks.pop()
        if len(last) < BLOCK_BYTES:
            sub_key = doubled(sub_key)
            last = (last + b"\x80").ljust(BLOCK_BYTES, b"\0")
        state = ZERO_BLOCK
        for block in blocks:
            state = self._evaluated(xor(state, block))
        return self._evaluated(xor(xor(state, last), sub_key))
