"""A PIV card in thirty lines and a CA, for tests of the card library alone. `firmware_sim` has the real simulation."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from cards.apdu import CommandApdu
from cards.errors import CardGoneError
from cards.tlv import encode_tlv, find, parse_one, parse_tlvs
from cards.trust import TrustAnchors
from cards.verification import OID_PIV_CARD_AUTHENTICATION

NOW = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
GUID = bytes.fromhex("00112233445546778899aabbccddeeff")
CHALLENGE = bytes(range(32))


@dataclass
class CardCa:
    """A hospital's card CA."""

    name: str = "Card CA of the hospital"
    valid_until: datetime = NOW + timedelta(days=3650)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        """Sign the own certificate."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.name)])
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), 1)
        builder = builder.not_valid_before(NOW - timedelta(days=30)).not_valid_after(self.valid_until)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = builder.sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """As a trust anchor file holds it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def anchors(self) -> TrustAnchors:
        """Only this CA."""
        return TrustAnchors.from_pem(self.pem)

    def issue(
        self,
        public_key: ec.EllipticCurvePublicKey,
        guid: bytes = GUID,
        *,
        valid: tuple[datetime, datetime] = (NOW - timedelta(days=1), NOW + timedelta(days=365)),
        extensions: tuple[tuple[x509.ExtensionType, bool], ...] | None = None,
    ) -> bytes:
        """A card-authentication certificate, DER."""
        if extensions is None:
            extensions = (
                (x509.ExtendedKeyUsage([OID_PIV_CARD_AUTHENTICATION]), True),
                (san(guid), False),
            )
        subject = x509.Name([x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, guid.hex())])
        builder = x509.CertificateBuilder(self.certificate.subject, subject, public_key, x509.random_serial_number())
        builder = builder.not_valid_before(valid[0]).not_valid_after(valid[1])
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def san(guid: bytes) -> x509.SubjectAlternativeName:
    """The card's name in its certificate."""
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uuid.UUID(bytes=guid).urn)])


def _as_it_is(_number: int, answer: bytes) -> bytes:
    return answer


@dataclass
class FakePivCard:
    """Answers at once, in parts of 256 bytes. `key=None` answers GENERAL AUTHENTICATE with 6A80."""

    certificate_der: bytes
    key: ec.EllipticCurvePrivateKey | None
    guid: bytes = GUID
    cert_info: bytes = b"\x00"
    spoil: Callable[[int, bytes], bytes] = _as_it_is
    """Changes the answer to the command with that number, counted from 0."""
    gone_after: int = 1000
    """Commands until the card is taken away."""

    def __post_init__(self) -> None:
        """No command yet."""
        self.commands: list[CommandApdu] = []
        self._rest = b""

    def transmit(self, command: bytes) -> bytes:
        """One command."""
        number = len(self.commands)
        if number >= self.gone_after:
            raise CardGoneError("taken away")
        self.commands.append(CommandApdu.decode(command))
        return self.spoil(number, self._answer(self.commands[-1]))

    def _answer(self, command: CommandApdu) -> bytes:
        if command.ins == 0xC0:
            return self._part()
        if command.ins == 0xA4:
            return b"\x61\x00\x90\x00"
        if command.ins == 0xCB:
            value = encode_tlv(0x34, self.guid) + encode_tlv(0xFE, b"")
            if command.data[2:] == bytes.fromhex("5FC101"):
                value = encode_tlv(0x70, self.certificate_der) + encode_tlv(0x71, self.cert_info)
            self._rest = encode_tlv(0x53, value)
            return self._part()
        if command.ins == 0x87 and self.key is not None:
            digest = find(parse_tlvs(parse_one(command.data, 0x7C)), 0x81)
            signature = self.key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
            return encode_tlv(0x7C, encode_tlv(0x82, signature)) + b"\x90\x00"
        return b"\x6a\x80"

    def _part(self) -> bytes:
        part, self._rest = self._rest[:256], self._rest[256:]
        if not self._rest:
            return part + b"\x90\x00"
        return part + bytes((0x61, min(len(self._rest), 256) & 0xFF))


def genuine_card(ca: CardCa, guid: bytes = GUID) -> FakePivCard:
    """A card that `ca` issued."""
    key = ec.generate_private_key(ec.SECP256R1())
    return FakePivCard(ca.issue(key.public_key(), guid), key, guid)
