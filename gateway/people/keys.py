"""The keys of people's data: data keys by id, the key of the blind indexes, and the file that holds them.

    {"medtap_people_keys": 1, "current": 2, "data_keys": {"1": "..", "2": ".."}, "index_key": ".."}

The file is sealed by its permissions (its owner's alone). Without it nobody's name in the database can be read again,
and a backup of the database without a copy of it is worth nothing: keep one apart from the backups.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import ConfigError

KEY_BYTES: Final = 32
"""AES-256, and as much for HMAC-SHA-256 (FIPS 198-1: no shorter than the digest)."""
KEY_ID_MAX: Final = 0xFFFF
FILE_BYTES_MAX: Final = 64 * 1024
INDEX_KEY_ID: Final = 0
"""Stands for the key of the blind indexes where keys are listed by id."""
_VERSION: Final = 1
_HEAD: Final = "medtap_people_keys"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class PeopleKeyError(ConfigError):
    """The keys can't be used: the gateway refuses to start. The message names the mend and never a key."""


@dataclass(frozen=True, repr=False)
class PeopleKeys:
    """All keys. They have no printable form."""

    current: int
    """Id of the key that everything new is sealed with."""
    data_keys: Mapping[int, bytes]
    index_key: bytes
    ciphers: Mapping[int, AESGCM] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse keys of a wrong length, and a current one that is not there.

        Raises:
            ValueError: names what is wrong, not the key.
        """
        for name, key in (*self.data_keys.items(), ("index", self.index_key)):
            if len(key) != KEY_BYTES:
                raise ValueError(f"key {name} has {len(key)} bytes: expected {KEY_BYTES}")
        if self.current not in self.data_keys or not all(0 < one <= KEY_ID_MAX for one in self.data_keys):
            raise ValueError(f"current key {self.current}: expected one of {sorted(self.data_keys)}, from 1 to 65535")
        object.__setattr__(self, "ciphers", {name: AESGCM(key) for name, key in self.data_keys.items()})

    @classmethod
    def create(cls) -> "PeopleKeys":
        """New ones, by the operating system's random numbers."""
        return cls(1, {1: secrets.token_bytes(KEY_BYTES)}, secrets.token_bytes(KEY_BYTES))

    def rotated(self) -> "PeopleKeys":
        """With one more data key, which is current from now on; those before stay until nothing needs them."""
        newest = max(self.data_keys) + 1
        return replace(self, current=newest, data_keys={**self.data_keys, newest: secrets.token_bytes(KEY_BYTES)})

    def key_ids(self) -> tuple[int, ...]:
        """Of the data keys, oldest first."""
        return tuple(sorted(self.data_keys))

    def checks(self) -> dict[int, bytes]:
        """For each key a value that only it gives: the database keeps them, and so knows a wrong file."""
        keys = {INDEX_KEY_ID: self.index_key, **self.data_keys}
        return {name: hmac.digest(key, b"medtap people key", hashlib.sha256)[:16] for name, key in keys.items()}


def read_keys(path: Path) -> PeopleKeys:
    """From the file.

    Raises:
        PeopleKeyError: not there, readable by others than its owner, not such a file, or damaged.
    """
    try:
        status = path.stat()
        content = path.read_bytes() if status.st_size <= FILE_BYTES_MAX else b""
    except OSError as error:
        raise PeopleKeyError(
            f"people keys can't be read from {str(path)!r}: {error.strerror}; put the copy back that was kept apart"
        ) from None
    if status.st_mode & _OTHERS:
        raise PeopleKeyError(
            f"people keys {str(path)!r} can be read by others (mode {stat.S_IMODE(status.st_mode):04o}): "
            "chmod 600 the file, and change the keys if anyone may have seen them"
        )
    try:
        return _parse(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise PeopleKeyError(
            f"people keys {str(path)!r}: not a key file of version {_VERSION}, or damaged: take the copy that was kept"
        ) from None


def write_keys(path: Path, keys: PeopleKeys, *, replacing: bool = False) -> None:
    """Into a file that only its owner can read, whole or not at all.

    Raises:
        PeopleKeyError: the file exists and is not to be replaced, or it can't be written.
    """
    if path.exists() and not replacing:
        raise PeopleKeyError(f"{str(path)!r} exists: people keys are never overwritten; name another file")
    content = {
        _HEAD: _VERSION,
        "current": keys.current,
        "data_keys": {str(name): _text(key) for name, key in sorted(keys.data_keys.items())},
        "index_key": _text(keys.index_key),
    }
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}", dir=path.parent)  # readable by its owner only
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(content, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise PeopleKeyError(f"people keys not written to {str(path)!r}: {error.strerror}") from None


def _parse(value: Mapping[str, Any]) -> PeopleKeys:
    if value[_HEAD] != _VERSION:
        raise ValueError("another version")
    return PeopleKeys(
        int(value["current"]),
        {int(name): _bytes(text) for name, text in value["data_keys"].items()},
        _bytes(value["index_key"]),
    )


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
