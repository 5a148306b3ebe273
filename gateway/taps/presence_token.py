"""The proof of presence: a short-lived signed word of the gateway that a card was on this desk's reader just now.

A check-in carries it, and whoever acts on a patient's presence asks for it. COSE_Sign1 (RFC 9052) with ES256 over

    {1: card id, 2: patient's pseudonym, 3: desk, 4: device key, 5: tapped at, 6: valid until}      times in seconds

in base64url without padding. It says nothing personal, and is no key to anything: it proves one tap at one desk.
"""

import base64
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cards.cose import sign1
from cards.cose.cbor import CoseError, decode, encode
from gateway.stock.errors import WorkRefusedError

VALID_FOR: Final = timedelta(minutes=10)
"""As long as a patient stands at a desk; after that they are asked to tap again."""
AHEAD_MAX: Final = timedelta(minutes=2)
"""How far an edge node's clock may be ahead of ours: the same as the ingest believes without a doubt."""
_TOKEN_CHARACTERS_MAX: Final = 1024
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_CONTEXT: Final = b"medtap presence 1"
"""Signed along: a signature of this key over anything else is no token."""
_MEMBERS: Final = 6


class PresenceError(WorkRefusedError):
    """A token that proves nothing here and now: `presence_forged`, `presence_expired` or `presence_elsewhere`."""


@dataclass(frozen=True)
class Presence:
    """What a token proves."""

    card_id: str
    patient_id: uuid.UUID
    place_id: str
    device_key: int
    tapped_at: datetime
    valid_until: datetime


class PresenceTokens:
    """Made and checked with one key of the gateway's."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, valid_for: timedelta = VALID_FOR) -> None:
        """`key` is on curve P-256; `valid_for` counts from the tap."""
        self._key = key
        self._public = key.public_key()
        self._valid_for = valid_for

    def issue(self, card_id: str, patient_id: uuid.UUID, place_id: str, device_key: int, at: datetime) -> str:
        """The token of a tap at `at` (aware) on a desk's reader."""
        since = int(at.timestamp())
        until = since + int(self._valid_for.total_seconds())
        payload = encode({1: card_id, 2: patient_id.bytes, 3: place_id, 4: device_key, 5: since, 6: until})
        signed = sign1.sign(
            payload, b"presence", lambda text: self._key.sign(text, ec.ECDSA(hashes.SHA256())), _CONTEXT
        )
        return base64.urlsafe_b64encode(signed.encode()).rstrip(b"=").decode("ascii")

    def verify(self, token: str, now: datetime, place_id: str) -> Presence:
        """What the token proves at this desk now.

        Raises:
            PresenceError: not ours or changed, too old, or of another desk.
        """
        presence = self._read(token)
        if not presence.tapped_at - AHEAD_MAX <= now <= presence.valid_until:
            raise PresenceError(
                "presence_expired",
                f"proof of presence of {presence.tapped_at.isoformat()}: it was good until "
                f"{presence.valid_until.isoformat()}; let the patient tap again",
                tapped_at=presence.tapped_at,
            )
        if presence.place_id != place_id:
            raise PresenceError(
                "presence_elsewhere",
                f"proof of presence at desk {presence.place_id!r}, shown at {place_id!r}: let the patient tap here",
                place_id=presence.place_id,
            )
        return presence

    def _read(self, token: str) -> Presence:
        try:
            return _presence(decode(_signed(token).verify(self._public, _CONTEXT)))
        except (CoseError, ValueError) as error:
            raise PresenceError("presence_forged", f"not a proof of presence of this gateway: {error!s:.120}") from None


def _signed(token: str) -> sign1.Sign1:
    signed = sign1.parse(_bytes(token))
    if signed.unprotected:
        raise CoseError("an unprotected header: nothing may stand outside the signature")
    return signed


def _bytes(token: str) -> bytes:
    if len(token) > _TOKEN_CHARACTERS_MAX or not _TOKEN.fullmatch(token):
        raise ValueError(f"{len(token)} characters: expected base64url of at most {_TOKEN_CHARACTERS_MAX}")
    data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") != token:
        raise ValueError("not the one form that base64url has for these bytes")
    return data


def _presence(members: Any) -> Presence:  # noqa: ANN401 - CBOR
    match members:
        case {1: str(card), 2: bytes(patient), 3: str(place), 4: int(device), 5: int(since), 6: int(until)} if (
            len(members) == _MEMBERS
        ):
            return Presence(card, uuid.UUID(bytes=patient), place, device, _time(since), _time(until))
    raise ValueError("signed by us, and no token")


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
