"""EPC: what a UHF RFID tag on a pack, a case, a shelf or a container says (GS1 EPC Tag Data Standard 2.3).

>>> decode_epc("3074257bf7194e4000001a85").epc_uri
'urn:epc:id:sgtin:0614141.812345.6789'
>>> encode_epc("urn:epc:tag:sgtin-96:3.0614141.812345.6789")
'3074257BF7194E4000001A85'
"""

from dataclasses import dataclass
from typing import Final

from inventory import epc_binary, epc_plus, epc_schemes, epc_uri
from inventory.check_digit import check_digit
from inventory.digital_link import looks_like_uri, split_digital_link, write_digital_link
from inventory.element import Element
from inventory.epc_bits import BitReader
from inventory.errors import EpcError

_DEFAULT_FILTER: Final = 0
"""`All others`: what a pure identity is written with when nobody says more (TDS table 10-1)."""
_NO_EXTENSION: Final = "0"
"""SGLN extension that means the whole place (TDS 6.3.3)."""
_KEY_AIS: Final = {"gsrn": "8018", "gsrnp": "8017", "gdti": "253", "sgcn": "255"}
"""Keys that are prefix, reference and check digit, with the serial number behind them if there is one."""


@dataclass(frozen=True)
class Epc:
    """A decoded tag; valid if it exists, as far as bits go. Whether its dates exist is for the GS1 rules to say."""

    scheme: str
    """Such as `sgtin-96` or `dsgtin+`."""
    filter_value: int
    """0 to 7: which kind of object; a reader can select by it."""
    epc_uri: str
    """Identity: the pure identity URI, or for the `+` schemes, which know no company prefix, the GS1 Digital Link."""
    epc_tag_uri: str | None
    """What the tag holds, filter and encoding included; None for the `+` schemes, which have no such URI."""
    elements: tuple[Element, ...]
    """The same as GS1 elements: key first, then serial number, then date."""
    has_more_data: bool = False
    """The tag holds further elements behind the EPC, which are not in these bits."""


def decode_epc(hexadecimal: str) -> Epc:
    """Read EPC memory given as hexadecimal digits (either case; fill of zero bits at the end is ignored).

    Raises:
        EpcError: not hexadecimal, an unknown or only recognised header (`scheme`), or bits that mean nothing.
    """
    bits = BitReader(hexadecimal)
    header = bits.take(8)
    if header in epc_schemes.BY_HEADER:
        return _from_binary(epc_binary.read(epc_schemes.BY_HEADER[header], bits))
    if header in epc_plus.BY_HEADER:
        return _from_plus(epc_plus.read(epc_plus.BY_HEADER[header], bits))
    if header in epc_schemes.RECOGNISED:
        name = epc_schemes.RECOGNISED[header]
        raise EpcError("scheme", f"EPC {hexadecimal}: {name} is recognised, but not read here")
    raise EpcError("scheme", f"EPC {hexadecimal}: header {header:02X} is no EPC scheme; it may be another system's tag")


def encode_epc(uri: str, filter_value: int | None = None) -> str:
    """Upper-case hexadecimal digits of a tag, in whole words of 16 bits.

    `uri` is a tag URI, a pure identity URI (the smallest encoding that holds it is taken), or a GS1 Digital Link, which
    becomes a `+` scheme: with one date beside a GTIN and a serial number, DSGTIN+. `filter_value` overrides the one
    in a tag URI; where nothing says, it is 0.

    Raises:
        EpcError: not such a URI (`uri`), an unknown scheme (`scheme`), or a value the scheme has no room for.
    """
    if filter_value is not None and not 0 <= filter_value <= 7:  # noqa: PLR2004 - three bits
        raise EpcError("range", f"filter {filter_value}: expected 0 to 7")
    if looks_like_uri(uri):
        return _encode_digital_link(uri, _DEFAULT_FILTER if filter_value is None else filter_value)
    parsed = epc_uri.parse(uri)
    if parsed.filter_value is None:
        return _encode_identity(parsed, _DEFAULT_FILTER if filter_value is None else filter_value)
    scheme = epc_schemes.BY_NAME.get(parsed.scheme)
    if scheme is None:
        raise EpcError("scheme", f"{uri!r}: unknown scheme, expected one of {', '.join(epc_schemes.BY_NAME)}")
    wanted = parsed.filter_value if filter_value is None else filter_value
    return epc_binary.write(epc_binary.BinaryEpc(scheme, wanted, tuple(parsed.split(scheme.field_count))))


def parse_epc_uri(uri: str) -> Epc:
    """What a tag with this tag URI or pure identity URI would say.

    Raises:
        EpcError: as `encode_epc`.
    """
    return decode_epc(encode_epc(uri))


def _encode_identity(parsed: epc_uri.EpcUri, filter_value: int) -> str:
    schemes = epc_schemes.BY_IDENTITY.get(parsed.scheme, ())
    if not schemes:
        raise EpcError("scheme", f"urn:epc:id:{parsed.scheme}: expected one of {', '.join(epc_schemes.BY_IDENTITY)}")
    fields = tuple(parsed.split(schemes[0].field_count))
    for scheme in schemes[:-1]:
        try:
            return epc_binary.write(epc_binary.BinaryEpc(scheme, filter_value, fields))
        except EpcError:
            continue  # the longer encoding takes letters and leading zeros
    return epc_binary.write(epc_binary.BinaryEpc(schemes[-1], filter_value, fields))


def _encode_digital_link(uri: str, filter_value: int) -> str:
    found = split_digital_link(uri)
    if found.problems:
        raise EpcError("uri", found.problems[0].message)
    ais = [element.ai for element in found.elements]
    dates = [ai for ai in ais if ai in epc_plus.DATE_TYPES.values()]
    has_date = ais[0] == "01" and len(dates) == 1
    scheme = next(
        (one for one in epc_plus.BY_NAME.values() if one.key_ai == ais[0] and one.has_date == has_date),
        None,
    )
    room = {scheme.key_ai, scheme.serial_ai, *(dates if has_date else [])} if scheme else set()
    outside = [ai for ai in ais if ai not in room]
    if scheme is None or outside:
        raise EpcError("scheme", f"{uri!r}: no EPC scheme has room for ({'), ('.join(outside)})")
    return epc_plus.write(epc_plus.PlusEpc(scheme, filter_value, found.elements, has_more_data=False))


def _from_plus(epc: epc_plus.PlusEpc) -> Epc:
    try:
        uri = write_digital_link(epc.elements)
    except ValueError as error:
        raise EpcError("content", f"{epc.scheme.name}: {error}") from None
    return Epc(epc.scheme.name, epc.filter_value, uri, None, epc.elements, epc.has_more_data)


def _from_binary(epc: epc_binary.BinaryEpc) -> Epc:
    scheme = epc.scheme
    tag_fields = (f"{epc.filter_value}.{epc.fields[0]}", *epc.fields[1:])
    return Epc(
        scheme=scheme.name,
        filter_value=epc.filter_value,
        epc_uri=epc_uri.write("id", scheme.identity, epc.fields),
        epc_tag_uri=epc_uri.write("tag", scheme.name, tag_fields),
        elements=_elements_of(scheme.identity, epc.fields),
    )


def _elements_of(identity: str, fields: tuple[str, ...]) -> tuple[Element, ...]:
    """The GS1 elements of an identity (TDS 7: correspondence between EPC and GS1 keys)."""
    prefix, reference, *rest = fields
    whole = prefix + reference
    serial = rest[-1] if rest else ""
    match identity:
        case "sgtin":
            elements = [Element("01", _gtin(prefix, reference)), Element("21", serial)]
        case "itip":
            elements = [Element("8006", _gtin(prefix, reference) + rest[0] + rest[1]), Element("21", serial)]
        case "sscc":
            elements = [Element("00", _gtin(prefix, reference))]
        case "sgln":
            extension = "" if serial == _NO_EXTENSION else serial
            elements = [Element("414", _with_check(whole)), Element("254", extension)]
        case "giai":
            elements = [Element("8004", whole)]
        case "grai":
            elements = [Element("8003", "0" + _with_check(whole) + serial)]
        case _:
            elements = [Element(_KEY_AIS[identity], _with_check(whole) + serial)]
    return tuple(element for element in elements if element.value)


def _gtin(prefix: str, reference: str) -> str:
    """The indicator digit is the first of the reference, but stands in front of the GTIN; so with an SSCC's (TDS 7)."""
    return _with_check(reference[:1] + prefix + reference[1:])


def _with_check(payload: str) -> str:
    return payload + str(check_digit(payload))
