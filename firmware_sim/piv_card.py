"""A PIV card (NIST SP 800-73-4 part 2) with a card-authentication key in slot 9E: the silicon of a health card."""

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from firmware_sim import piv_objects
from firmware_sim.apdu_server import (
    SW_AUTHENTICATION_BLOCKED,
    SW_CLA_NOT_SUPPORTED,
    SW_INS_NOT_SUPPORTED,
    SW_NOT_FOUND,
    SW_OK,
    SW_REFERENCE_NOT_FOUND,
    SW_SECURITY_STATUS,
    SW_WRONG_DATA,
    SW_WRONG_P1_P2,
    ApduServer,
    CommandApdu,
    contactless_atr,
)
from firmware_sim.card_ca import CardCa, draw_key
from firmware_sim.piv_objects import tlv, tlv_members

_SELECT, _GET_DATA, _VERIFY, _GENERAL_AUTHENTICATE = 0xA4, 0xCB, 0x20, 0x87
_PUT_DATA, _GENERATE_KEY_PAIR, _CHANGE_REFERENCE_DATA, _RESET_RETRY_COUNTER = 0xDB, 0x47, 0x24, 0x2C
_P256, _CARD_AUTHENTICATION_KEY = 0x11, 0x9E  # SP 800-78-4 table 6-2; part 1 table 4b
_APPLICATION_PIN = 0x80
_PIN_BYTES = 8
_PIN_TRIES = 5
_CHALLENGE_BYTES = 32
_TAG_LIST, _DYNAMIC_AUTHENTICATION_TEMPLATE, _CHALLENGE, _RESPONSE = 0x5C, 0x7C, 0x81, 0x82

# Historical bytes (ISO/IEC 7816-4 section 12.1.1): category 80; 73: card capabilities SELECT by full DF name, one-byte
# data units, command chaining and extended length; 53: issuer's data "PIV".
_HISTORICAL_BYTES = bytes.fromhex("80738021c053504956")


class Access(Enum):
    """Who may read a data object (part 1 table 2)."""

    ALWAYS = "always"
    PIN = "after VERIFY with the application PIN"


@dataclass(frozen=True)
class DataObject:
    """One container and its access rule."""

    value: bytes
    access: Access = Access.ALWAYS


class PivCard:
    """One card. Real P-256: the private key signs and never leaves.

    Personalised already: PUT DATA, key generation and the like need the management key and are refused with 6982.
    The PIN works on the contactless side too, as the open JavaCard applets can be configured to.
    """

    atr = contactless_atr(_HISTORICAL_BYTES)
    latency_s = 0.0

    def __init__(
        self,
        guid: UUID,
        uid: bytes,
        key: ec.EllipticCurvePrivateKey,
        certificate_der: bytes,
        *,
        expires: date = date(2035, 12, 31),
        pin: str = "123456",
        printed_information: bytes = b"",
    ) -> None:
        """A card whose CHUID says `guid` and `expires`, whose slot 9E holds `key` with `certificate_der`.

        Nothing checks that the three belong together: a forged card is made by giving what doesn't.
        """
        self.guid = guid
        self.uid = uid
        self.certificate_der = certificate_der
        self.expires = expires
        self._key = key
        self._pin = pin.encode("ascii").ljust(_PIN_BYTES, b"\xff")
        self._pin_tries = _PIN_TRIES
        self._objects = {
            piv_objects.CHUID: DataObject(piv_objects.chuid(guid, expires)),
            piv_objects.CARD_AUTHENTICATION_CERTIFICATE: DataObject(piv_objects.certificate_object(certificate_der)),
            piv_objects.CARD_CAPABILITY_CONTAINER: DataObject(piv_objects.card_capability_container(guid)),
            piv_objects.PRINTED_INFORMATION: DataObject(printed_information, Access.PIN),
        }
        self._handlers = {
            _GET_DATA: self._get_data,
            _VERIFY: self._verify,
            _GENERAL_AUTHENTICATE: self._general_authenticate,
        }
        self._server = ApduServer(self._handle)
        self.signatures = 0
        """Proofs of possession given so far."""
        self.reset()

    def reset(self) -> None:
        """Power gone and back: nothing selected, PIN not verified. Tries left survive."""
        self._server.reset()
        self._selected = False
        self._pin_verified = False

    def store(self, tag: bytes, value: bytes, access: Access = Access.ALWAYS) -> None:
        """Put a data object into the card's memory directly, past all access rules."""
        self._objects[tag] = DataObject(value, access)

    def apdu(self, command: bytes) -> bytes:
        """One command."""
        return self._server.answer(command)

    def _handle(self, command: CommandApdu) -> tuple[bytes, int]:
        if command.cla != 0:
            return b"", SW_CLA_NOT_SUPPORTED
        if command.ins == _SELECT:
            return self._select(command)
        if not self._selected:
            return b"", SW_INS_NOT_SUPPORTED  # the card manager answers, and knows none of PIV's instructions
        if command.ins in (_PUT_DATA, _GENERATE_KEY_PAIR, _CHANGE_REFERENCE_DATA, _RESET_RETRY_COUNTER):
            return b"", SW_SECURITY_STATUS
        handler = self._handlers.get(command.ins)
        return handler(command) if handler else (b"", SW_INS_NOT_SUPPORTED)

    def _select(self, command: CommandApdu) -> tuple[bytes, int]:
        """Section 3.1.1. An unknown AID leaves the PIV application selected and its security status as it was."""
        if (command.p1, command.p2) != (0x04, 0x00):
            return b"", SW_WRONG_P1_P2
        if len(command.data) < len(piv_objects.RID) or not piv_objects.AID.startswith(command.data):
            return b"", SW_NOT_FOUND
        self._selected = True
        return piv_objects.application_property_template(), SW_OK

    def _get_data(self, command: CommandApdu) -> tuple[bytes, int]:
        """Section 3.1.2."""
        if (command.p1, command.p2) != (0x3F, 0xFF):
            return b"", SW_WRONG_P1_P2
        members = tlv_members(command.data)
        if members is None or list(members) != [_TAG_LIST]:
            return b"", SW_WRONG_DATA
        tag = members[_TAG_LIST]
        if tag == piv_objects.DISCOVERY:
            return piv_objects.discovery_object(), SW_OK
        stored = self._objects.get(tag)
        if stored is None:
            return b"", SW_NOT_FOUND
        if stored.access is Access.PIN and not self._pin_verified:
            return b"", SW_SECURITY_STATUS
        return tlv(0x53, stored.value), SW_OK

    def _verify(self, command: CommandApdu) -> tuple[bytes, int]:  # noqa: PLR0911 - one return per status word
        """Section 3.2.1. Without data it tells the tries left; P1 FF resets the security status."""
        if command.p1 not in (0x00, 0xFF):
            return b"", SW_WRONG_P1_P2
        if command.p2 != _APPLICATION_PIN:
            return b"", SW_REFERENCE_NOT_FOUND
        if command.p1 == 0xFF:  # noqa: PLR2004 - see above
            self._pin_verified = False
            return b"", SW_WRONG_DATA if command.data else SW_OK
        if not command.data and self._pin_verified:
            return b"", SW_OK
        if self._pin_tries == 0:
            return b"", SW_AUTHENTICATION_BLOCKED
        if not command.data:
            return b"", 0x63C0 | self._pin_tries
        if len(command.data) != _PIN_BYTES:
            return b"", SW_WRONG_DATA
        self._pin_verified = command.data == self._pin
        if self._pin_verified:
            self._pin_tries = _PIN_TRIES
            return b"", SW_OK
        self._pin_tries -= 1
        return b"", 0x63C0 | self._pin_tries

    def _general_authenticate(self, command: CommandApdu) -> tuple[bytes, int]:
        """Section 3.2.4, internal authentication: the challenge is a SHA-256 hash, the response its ECDSA signature."""
        if (command.p1, command.p2) != (_P256, _CARD_AUTHENTICATION_KEY):
            return b"", SW_WRONG_P1_P2
        outer = tlv_members(command.data)
        template = tlv_members(outer[_DYNAMIC_AUTHENTICATION_TEMPLATE]) if outer and list(outer) == [0x7C] else None
        if template is None or template.keys() != {_CHALLENGE, _RESPONSE} or template[_RESPONSE]:
            return b"", SW_WRONG_DATA
        if len(template[_CHALLENGE]) != _CHALLENGE_BYTES:
            return b"", SW_WRONG_DATA
        signature = self._key.sign(template[_CHALLENGE], ec.ECDSA(Prehashed(hashes.SHA256())))
        self.signatures += 1
        return tlv(_DYNAMIC_AUTHENTICATION_TEMPLATE, tlv(_RESPONSE, signature)), SW_OK


def personalise(
    ca: CardCa,
    rng: random.Random,
    *,
    now: datetime,
    valid_for: timedelta = timedelta(days=3 * 365),
    pin: str = "123456",
) -> PivCard:
    """A fresh card of this hospital: GUID, UID and key drawn, certificate issued, valid from `now` (UTC) on."""
    guid = UUID(int=rng.getrandbits(128), version=4)
    uid = b"\x04" + rng.randbytes(6)  # NXP's manufacturer code
    key = draw_key(rng)
    certificate_der = ca.issue(guid, key.public_key(), valid_from=now, valid_until=now + valid_for)
    return PivCard(guid, uid, key, certificate_der, expires=(now + valid_for).date(), pin=pin)
