"""Passwords: argon2id hashes, the rule for a new one, and a check that takes as long for a name that doesn't exist."""

import threading
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PASSWORD_LENGTH_MIN: Final = 15
"""Characters: NIST SP 800-63B-4 section 3.1.1.2, for a password that is the only factor."""
PASSWORD_LENGTH_MAX: Final = 200
"""Characters: room for any passphrase, and no megabytes to hash."""

# OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, 2 passes, 1 lane. Small enough for a gateway of 300 MB.
_MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
_LANES: Final = 1
_AT_ONCE: Final = 2
"""Hashes computed at the same time: bounds the memory that sign-in attempts can take (2 x 19 MiB)."""


def normalised(password: str) -> str:
    """One form for what two keyboards type: Vietnamese letters come composed or decomposed (SP 800-63B-4)."""
    return unicodedata.normalize("NFC", password)


class Passwords:
    """Hashes and checks passwords. Thread-safe; one for the whole application."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)
        self._turn = threading.BoundedSemaphore(_AT_ONCE)
        self._nobody = self._hasher.hash("the password of nobody: checked so that an unknown name takes as long")

    def hash(self, password: str) -> str:
        """The argon2id hash to store."""
        with self._turn:
            return self._hasher.hash(normalised(password))

    def matches(self, stored_hash: str | None, password: str) -> bool:
        """Whether the password is the one of this hash; None (no such account, no password) takes as long and is no."""
        with self._turn:
            try:
                right = self._hasher.verify(stored_hash or self._nobody, normalised(password)[:PASSWORD_LENGTH_MAX])
            except (VerificationError, InvalidHashError):
                return False
        return right and stored_hash is not None
