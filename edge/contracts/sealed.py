"""A checksum over a message's own text, as its last member: how a frame, an Ack and a Hello are held whole.

    {"schema_version":1, ... ,"sha256":"<64 hexadecimal digits>"}

`sha256` is the SHA-256 of every byte before `,"sha256":`. Nothing has to be written a second time to check it (no
canonical form), it travels through any broker, and the message stays plain JSON. TCP's and TLS's checks end at the
broker, which may have kept the message on a worn disk.
"""

import hashlib
import re
from typing import Any, Final, Self

import pydantic

from edge.contracts.base import WireModel

SEAL_BYTES: Final = len(b',"sha256":""}') + 64
"""What a checksum adds to a text, the closing brace included."""

_SEAL: Final = re.compile(rb',"sha256":"([0-9a-f]{64})"\}\Z')


class WireError(ValueError):
    """A message that cannot be trusted or understood as a whole. `code` says why, for dead letters and counters."""

    def __init__(self, code: str, message: str) -> None:
        """`code` is one of oversized, checksum, not_json, schema_version, malformed."""
        super().__init__(message)
        self.code = code


def seal(text: bytes) -> bytes:
    """The text of a JSON object that has a member, with its checksum."""
    body = text[:-1]
    return body + b',"sha256":"' + hashlib.sha256(body).hexdigest().encode() + b'"}'


def unseal(payload: bytes) -> bytes:
    """The text that was sealed.

    Raises:
        WireError: the checksum is missing or wrong, or this is not JSON at all.
    """
    found = _SEAL.search(payload[-SEAL_BYTES:])
    if found is None:
        raise WireError(*_without_seal(payload))
    body = payload[:-SEAL_BYTES]
    if hashlib.sha256(body).hexdigest().encode() != found[1]:
        raise WireError("checksum", f"message of {len(payload)} bytes: its SHA-256 is not the one it carries")
    return body + b"}"


def _without_seal(payload: bytes) -> tuple[str, str]:
    """Name the nearest reason why a message has no checksum: it isn't JSON at all, or was cut, or never had one."""
    try:
        pydantic.TypeAdapter(dict[str, Any]).validate_json(payload)
    except pydantic.ValidationError:
        return "not_json", f"message of {len(payload)} bytes is not a whole JSON object; begins {payload[:40]!r}"
    return "checksum", 'message without a checksum: expected ,"sha256":"..."} as its last member'


class SealedMessage(WireModel):
    """A message by which rows are let go of: believed only with its checksum. Its plain JSON is not the wire's text."""

    def to_wire(self) -> bytes:
        """The message's bytes."""
        return seal(self.model_dump_json().encode())

    @classmethod
    def from_wire(cls, payload: bytes) -> Self:
        """Check and decode.

        Raises:
            WireError: the checksum is missing or wrong, or this is not JSON at all.
            pydantic.ValidationError: whole, but not this message.
        """
        return cls.model_validate_json(unseal(payload))
