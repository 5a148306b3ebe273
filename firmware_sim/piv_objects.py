"""What a PIV card stores, byte by byte (NIST SP 800-73-4 part 1 section 4 and appendix A)."""

from datetime import date
from uuid import UUID

CHUID = bytes.fromhex("5fc102")
CARD_AUTHENTICATION_CERTIFICATE = bytes.fromhex("5fc101")
CARD_CAPABILITY_CONTAINER = bytes.fromhex("5fc107")
PRINTED_INFORMATION = bytes.fromhex("5fc109")
DISCOVERY = bytes.fromhex("7e")

AID = bytes.fromhex("a000000308000010000100")  # part 1 section 2.2: application, version 1.0
RID = AID[:5]


def tlv(tag: int, value: bytes = b"") -> bytes:
    """BER-TLV with a definite length of one to three bytes (ISO/IEC 7816-4 section 5.2.2)."""
    tag_bytes = tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big")
    n = len(value)
    if n < 0x80:  # noqa: PLR2004 - short form
        length = bytes([n])
    elif n < 0x100:  # noqa: PLR2004 - one length byte follows
        length = bytes([0x81, n])
    else:
        length = b"\x82" + n.to_bytes(2, "big")
    return tag_bytes + length + value


def tlv_members(data: bytes) -> dict[int, bytes] | None:
    """The members of a value with one-byte tags; None if the lengths don't add up or a tag repeats."""
    members: dict[int, bytes] = {}
    while data:
        parsed = _first_member(data)
        if parsed is None or parsed[0] in members:
            return None
        tag, value, data = parsed
        members[tag] = value
    return members


def _first_member(data: bytes) -> tuple[int, bytes, bytes] | None:
    if len(data) < 2:  # noqa: PLR2004 - tag and length
        return None
    tag, length, start = data[0], data[1], 2
    if length in (0x81, 0x82):
        start += length - 0x80
        if len(data) < start:
            return None
        length = int.from_bytes(data[2:start], "big")
    elif length >= 0x80:  # noqa: PLR2004 - indefinite or longer than this card takes
        return None
    value = data[start : start + length]
    return (tag, value, data[start + length :]) if len(value) == length else None


def fasc_n(credential_number: int = 999999, person: int = 0) -> bytes:
    """The 25-byte FASC-N; agency and system 9999, as for every issuer outside the US government (PIV-I).

    Forty characters of four bits, least significant first, plus odd parity (TIG SCEPACS 2.3 section 2.1).

    Raises:
        ValueError: `credential_number` is not six digits, or `person` not ten.
    """
    if not 0 <= credential_number < 10**6 or not 0 <= person < 10**10:
        raise ValueError(
            f"FASC-N: got credential number {credential_number!r} and person {person!r}, expected six and ten digits"
        )
    start, separator, end = 0xB, 0xD, 0xF
    digits: list[int] = [start]
    # Agency, system, credential number, credential series, individual credential issue.
    for field in ("9999", "9999", f"{credential_number:06d}", "0", "1"):
        digits += [*map(int, field), separator]
    # Person identifier, organisational category 3 (commercial), organisation, association 1 (employee).
    digits += [*map(int, f"{person:010d}300001"), end]
    check = 0
    for digit in digits:
        check ^= digit
    bits = "".join(_five_bits(digit) for digit in [*digits, check])
    return int(bits, 2).to_bytes(25, "big")


def _five_bits(digit: int) -> str:
    data = f"{digit:04b}"[::-1]
    return data + ("0" if data.count("1") % 2 else "1")


def chuid(guid: UUID, expires: date, *, credential_number: int = 999999) -> bytes:
    """The cardholder unique identifier (part 1 table 9), unsigned: this system trusts the 9E certificate instead."""
    return b"".join(
        (
            tlv(0x30, fasc_n(credential_number)),
            tlv(0x34, guid.bytes),
            tlv(0x35, expires.strftime("%Y%m%d").encode("ascii")),
            tlv(0x3E),  # issuer asymmetric signature
            tlv(0xFE),  # error detection code, always empty
        )
    )


def certificate_object(certificate_der: bytes) -> bytes:
    """A certificate container (part 1 table 15): the certificate, CertInfo 00 (not compressed), empty check."""
    return tlv(0x70, certificate_der) + tlv(0x71, b"\x00") + tlv(0xFE)


def card_capability_container(guid: UUID) -> bytes:
    """Mandatory, and what some middleware recognises a PIV card by (part 1 table 8)."""
    identifier = bytes.fromhex("a000000116ff02") + guid.bytes[-14:]  # GSC-RID, manufacturer FF, JavaCard
    return (
        tlv(0xF0, identifier)
        + tlv(0xF1, b"\x21")
        + tlv(0xF2, b"\x21")
        + tlv(0xF3)
        + tlv(0xF4, b"\x00")
        + tlv(0xF5, b"\x10")
        + b"".join(tlv(tag) for tag in (0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE))
    )


def discovery_object() -> bytes:
    """Which application, and that the PIV PIN alone serves (part 1 section 3.3.2). The answer is not wrapped in 53."""
    return tlv(0x7E, tlv(0x4F, AID) + tlv(0x5F2F, b"\x40\x00"))


def application_property_template() -> bytes:
    """The answer to SELECT (part 2 section 3.1.1 table 3), P-256 named as the supported algorithm."""
    return tlv(
        0x61,
        tlv(0x4F, AID[5:])
        + tlv(0x79, tlv(0x4F, RID))
        + tlv(0x50, b"Personal Identity Verification Card")
        + tlv(0xAC, tlv(0x80, b"\x11") + tlv(0x06, b"\x00")),
    )
