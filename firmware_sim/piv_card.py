"""A PIV card (NIST SP 800-73-4 part 2) with its keys, PIN and PUK, data objects and access rules."""

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec

from firmware_sim import piv_objects
from firmware_sim.apdu_server import (
    SW_CLA_NOT_SUPPORTED,
    SW_INS_NOT_SUPPORTED,
    SW_NOT_ENOUGH_MEMORY,
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
from firmware_sim.piv_keys import (
    FACTORY_PIN,
    FACTORY_PUK,
    P256,
    REFERENCE_BYTES,
    ManagementKey,
    Reference,
    point_of,
    reference,
    signed,
)
from firmware_sim.piv_objects import tlv, tlv_members

_SELECT, _GET_DATA, _VERIFY, _GENERAL_AUTHENTICATE = 0xA4, 0xCB, 0x20, 0x87
_PUT_DATA, _GENERATE_KEY_PAIR, _CHANGE_REFERENCE_DATA, _RESET_RETRY_COUNTER = 0xDB, 0x47, 0x24, 0x2C
_SET_MANAGEMENT_KEY = 0xFF  # of the makers: SP 800-73-4 has no command for it
_CARD_AUTHENTICATION_KEY, _MANAGEMENT_KEY = 0x9E, 0x9B  # part 1 table 4b
_PIN_SLOTS = (0x9A, 0x9C, 0x9D)
_SLOTS = (*_PIN_SLOTS, _CARD_AUTHENTICATION_KEY)
_APPLICATION_PIN, _PUK = 0x80, 0x81
_PIN_TRIES = 5
_CHALLENGE_BYTES = 32
_OBJECT_BYTES_MAX = 3072
_TAG_LIST, _DYNAMIC_AUTHENTICATION_TEMPLATE, _CHALLENGE, _RESPONSE = 0x5C, 0x7C, 0x81, 0x82
_DATA_OBJECT, _CONTROL_TEMPLATE, _MECHANISM, _PUBLIC_KEY, _POINT = 0x53, 0xAC, 0x80, 0x7F49, 0x86

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
    """One card. Real P-256: private keys sign and never leave.

    The PIN works on the contactless side too, as the open JavaCard applets can be configured to. So do the management
    key and writing, which the standard keeps to the contacts.
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
        pin: str = FACTORY_PIN,
        printed_information: bytes = b"",
    ) -> None:
        """A personalised card whose CHUID says `guid` and `expires`, whose slot 9E holds `key` with `certificate_der`.

        Nothing checks that the three belong together: a forged card is made by giving what doesn't.
        """
        self._make(uid, random.Random(guid.int), pin)  # noqa: S311 - a simulated chip
        self.guid = guid
        self.certificate_der = certificate_der
        self.expires = expires
        self._keys[_CARD_AUTHENTICATION_KEY] = key
        self.objects |= {
            piv_objects.CHUID: DataObject(piv_objects.chuid(guid, expires)),
            piv_objects.CARD_AUTHENTICATION_CERTIFICATE: DataObject(piv_objects.certificate_object(certificate_der)),
            piv_objects.CARD_CAPABILITY_CONTAINER: DataObject(piv_objects.card_capability_container(guid)),
            piv_objects.PRINTED_INFORMATION: DataObject(printed_information, Access.PIN),
        }

    @classmethod
    def blank(cls, uid: bytes, rng: random.Random) -> "PivCard":
        """A card as it is delivered: no object, no key pair, the makers' management key, PIN and PUK."""
        card = cls.__new__(cls)
        card._make(uid, rng, FACTORY_PIN)
        return card

    def _make(self, uid: bytes, rng: random.Random, pin: str) -> None:
        """The chip. What lies in its memory is there to be looked at by tests; a reader gets what the rules allow."""
        self.uid = uid
        self._rng = rng
        self._keys: dict[int, ec.EllipticCurvePrivateKey] = {}
        self.objects: dict[bytes, DataObject] = {}
        self.pin = Reference(reference(pin), _PIN_TRIES)
        self.puk = Reference(reference(FACTORY_PUK), _PIN_TRIES)
        self.management = ManagementKey(rng)
        self._handlers = {
            _GET_DATA: self._get_data,
            _VERIFY: self._verify,
            _GENERAL_AUTHENTICATE: self._general_authenticate,
            _PUT_DATA: self._put_data,
            _GENERATE_KEY_PAIR: self._generate_key_pair,
            _CHANGE_REFERENCE_DATA: self._change_reference_data,
            _RESET_RETRY_COUNTER: self._reset_retry_counter,
            _SET_MANAGEMENT_KEY: self._set_management_key,
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
        self.management.forget()

    def store(self, tag: bytes, value: bytes, access: Access = Access.ALWAYS) -> None:
        """Put a data object into the card's memory directly, past all access rules."""
        self.objects[tag] = DataObject(value, access)

    def hold_key(self, slot: int, key: ec.EllipticCurvePrivateKey) -> None:
        """Put a key pair into a slot, as a forger does who makes the chip himself."""
        self._keys[slot] = key

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
        stored = self.objects.get(tag)
        if stored is None:
            return b"", SW_NOT_FOUND
        if stored.access is Access.PIN and not self._pin_verified:
            return b"", SW_SECURITY_STATUS
        return tlv(0x53, stored.value), SW_OK

    def _verify(self, command: CommandApdu) -> tuple[bytes, int]:
        """Section 3.2.1. Without data it tells the tries left; P1 FF resets the security status."""
        if command.p1 not in (0x00, 0xFF):
            return b"", SW_WRONG_P1_P2
        if command.p2 != _APPLICATION_PIN:
            return b"", SW_REFERENCE_NOT_FOUND
        if command.p1 == 0xFF:  # noqa: PLR2004 - see above
            self._pin_verified = False
            return b"", SW_WRONG_DATA if command.data else SW_OK
        if not command.data:
            if self._pin_verified:
                return b"", SW_OK
            return b"", 0x63C0 | self.pin.tries if self.pin.tries else self.pin.check(b"")
        sw = self.pin.check(command.data)
        self._pin_verified = sw == SW_OK
        return b"", sw

    def _change_reference_data(self, command: CommandApdu) -> tuple[bytes, int]:
        """Section 3.2.2: the old value and the new one, PIN or PUK."""
        found = {_APPLICATION_PIN: self.pin, _PUK: self.puk}.get(command.p2)
        if found is None or command.p1 != 0:
            return b"", SW_REFERENCE_NOT_FOUND if command.p1 == 0 else SW_WRONG_P1_P2
        return b"", self._replaced(found, found, command.data)

    def _reset_retry_counter(self, command: CommandApdu) -> tuple[bytes, int]:
        """Section 3.2.3: the PUK and a new PIN."""
        if command.p1 != 0 or command.p2 != _APPLICATION_PIN:
            return b"", SW_REFERENCE_NOT_FOUND if command.p1 == 0 else SW_WRONG_P1_P2
        return b"", self._replaced(self.puk, self.pin, command.data)

    def _replaced(self, proof: Reference, changed: Reference, data: bytes) -> int:
        given, new = data[:REFERENCE_BYTES], data[REFERENCE_BYTES:]
        digits = new.rstrip(b"\xff")
        if len(new) != REFERENCE_BYTES or (changed is self.pin and not (len(digits) >= 6 and digits.isdigit())):  # noqa: PLR2004
            return SW_WRONG_DATA
        sw = proof.check(given)
        if sw == SW_OK:
            changed.set(new)
        elif changed is self.pin:
            self._pin_verified = False
        return sw

    def _general_authenticate(self, command: CommandApdu) -> tuple[bytes, int]:
        """Section 3.2.4. A key pair signs a SHA-256 hash; the management key authenticates the administrator."""
        slot = command.p2
        algorithm = self.management.algorithm if slot == _MANAGEMENT_KEY else P256
        if command.p1 not in (algorithm, 0x00 if algorithm == 0x03 else algorithm):  # noqa: PLR2004 - 00: 3DES, too
            return b"", SW_WRONG_P1_P2
        if slot != _MANAGEMENT_KEY and slot not in self._keys:
            return b"", SW_WRONG_P1_P2
        outer = tlv_members(command.data)
        template = tlv_members(outer[_DYNAMIC_AUTHENTICATION_TEMPLATE]) if outer and list(outer) == [0x7C] else None
        if template is None:
            return b"", SW_WRONG_DATA
        if slot == _MANAGEMENT_KEY:
            answer, sw = self.management.authenticate(template)
            body = b"".join(tlv(tag, value) for tag, value in answer.items())
            return tlv(_DYNAMIC_AUTHENTICATION_TEMPLATE, body) if body else b"", sw
        return self._sign(slot, template)

    def _sign(self, slot: int, template: dict[int, bytes]) -> tuple[bytes, int]:
        if template.keys() != {_CHALLENGE, _RESPONSE} or template[_RESPONSE]:
            return b"", SW_WRONG_DATA
        if len(template[_CHALLENGE]) != _CHALLENGE_BYTES:
            return b"", SW_WRONG_DATA
        if slot in _PIN_SLOTS and not self._pin_verified:
            return b"", SW_SECURITY_STATUS
        self.signatures += 1
        signature = signed(self._keys[slot], template[_CHALLENGE])
        return tlv(_DYNAMIC_AUTHENTICATION_TEMPLATE, tlv(_RESPONSE, signature)), SW_OK

    def _set_management_key(self, command: CommandApdu) -> tuple[bytes, int]:
        """Algorithm, slot 9B, length, key: the form that YubiKey and PivApplet share."""
        if (command.p1, command.p2) != (0xFF, 0xFF):
            return b"", SW_WRONG_P1_P2
        if len(command.data) < 3 or command.data[1] != _MANAGEMENT_KEY or command.data[2] != len(command.data) - 3:  # noqa: PLR2004
            return b"", SW_WRONG_DATA
        return b"", self.management.replace(command.data[0], command.data[3:])

    def _generate_key_pair(self, command: CommandApdu) -> tuple[bytes, int]:
        """Section 3.3.2: the old key of the slot is gone for good."""
        if not self.management.authenticated:
            return b"", SW_SECURITY_STATUS
        outer = tlv_members(command.data)
        inner = tlv_members(outer[_CONTROL_TEMPLATE]) if outer and list(outer) == [_CONTROL_TEMPLATE] else None
        if command.p1 != 0 or command.p2 not in _SLOTS:
            return b"", SW_WRONG_P1_P2
        if inner is None or inner.get(_MECHANISM) != bytes([P256]):
            return b"", SW_WRONG_DATA
        key = draw_key(self._rng)
        self._keys[command.p2] = key
        return tlv(_PUBLIC_KEY, tlv(_POINT, point_of(key))), SW_OK

    def _put_data(self, command: CommandApdu) -> tuple[bytes, int]:
        """Section 3.3.1. An empty object is none."""
        if not self.management.authenticated:
            return b"", SW_SECURITY_STATUS
        if (command.p1, command.p2) != (0x3F, 0xFF):
            return b"", SW_WRONG_P1_P2
        members = tlv_members(command.data)
        if members is None or list(members) != [_TAG_LIST, _DATA_OBJECT] or len(members[_TAG_LIST]) != 3:  # noqa: PLR2004
            return b"", SW_WRONG_DATA
        tag, value = members[_TAG_LIST], members[_DATA_OBJECT]
        if len(value) > _OBJECT_BYTES_MAX:
            return b"", SW_NOT_ENOUGH_MEMORY
        if value:
            access = Access.PIN if tag == piv_objects.PRINTED_INFORMATION else Access.ALWAYS
            self.objects[tag] = DataObject(value, access)
        else:
            self.objects.pop(tag, None)
        return b"", SW_OK


def personalise(
    ca: CardCa,
    rng: random.Random,
    *,
    now: datetime,
    valid_for: timedelta = timedelta(days=3 * 365),
    pin: str = FACTORY_PIN,
) -> PivCard:
    """A fresh card of this hospital: GUID, UID and key drawn, certificate issued, valid from `now` (UTC) on."""
    guid = UUID(int=rng.getrandbits(128), version=4)
    uid = b"\x04" + rng.randbytes(6)  # NXP's manufacturer code
    key = draw_key(rng)
    certificate_der = ca.issue(guid, key.public_key(), valid_from=now, valid_until=now + valid_for)
    return PivCard(guid, uid, key, certificate_der, expires=(now + valid_for).date(), pin=pin)
