"""Sealing one value of one column of one row: AES-256-GCM (SP 800-38D), bound to its place by what is authenticated.

    version 1 | key id (2 bytes) | nonce (12) | ciphertext of the padded value | tag (16)

Authenticated with it: version, key id, table, column, row. A value that is copied to another row or column, or changed
in one bit, does not open. Values are padded to whole 16 bytes, so that lengths of names tell little and a sex or a flag
tells nothing. Nonces are random: 2^32 values a key keep a repetition below 2^-32 (SP 800-38D, 8.3).
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag

from gateway.errors import GatewayError
from gateway.people.keys import PeopleKeys

_VERSION: Final = 1
_HEAD_BYTES: Final = 3
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_BLOCK: Final = 16


class SealError(GatewayError):
    """A sealed value does not open: it was changed, stands in a wrong place, or its key is not there."""


def seal(keys: PeopleKeys, table: str, column: str, row: object, value: bytes) -> bytes:
    """`value` for this place and no other, with the current key."""
    head = bytes([_VERSION]) + keys.current.to_bytes(2, "big")
    nonce = secrets.token_bytes(_NONCE_BYTES)
    padded = value + b"\x80" + bytes(-(len(value) + 1) % _BLOCK)  # ISO/IEC 9797-1, padding method 2
    return head + nonce + keys.ciphers[keys.current].encrypt(nonce, padded, _place(head, table, column, row))


def unseal(keys: PeopleKeys, table: str, column: str, row: object, sealed: bytes) -> bytes:
    """The value.

    Raises:
        SealError: it does not open here. The message names the place, never the value.
    """
    where = f"{table}.{column} of {row}"
    head, body = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES + _NONCE_BYTES :]
    if len(body) < _TAG_BYTES + _BLOCK or head[0] != _VERSION:
        raise SealError(f"{where} is no sealed value of version {_VERSION}: it was changed outside this program")
    cipher = keys.ciphers.get(key_id_of(sealed))
    if cipher is None:
        raise SealError(f"{where} is sealed with key {key_id_of(sealed)}, which the key file does not have")
    nonce = sealed[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
    try:
        padded = cipher.decrypt(nonce, body, _place(head, table, column, row))
    except InvalidTag:
        raise SealError(f"{where} does not open: it was changed, or copied from another row") from None
    return padded[: padded.rindex(b"\x80")]


def key_id_of(sealed: bytes) -> int:
    """Which key a sealed value needs."""
    return int.from_bytes(sealed[1:_HEAD_BYTES], "big")


def _place(head: bytes, table: str, column: str, row: object) -> bytes:
    return head + f"medtap/{table}/{column}/{row}".encode()
