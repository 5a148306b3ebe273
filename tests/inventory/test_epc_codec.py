"""EPC codec: published values retyped, and decode(encode(x)) = x over everything a scheme can hold."""

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import epc_plus, epc_schemes
from inventory.content_checks import CSET82
from inventory.element import Element
from inventory.epc import decode_epc, encode_epc, parse_epc_uri
from inventory.epc_schemes import Scheme, Tail
from inventory.errors import EpcError
from inventory.scan import parse_scan


@pytest.mark.parametrize(
    ("hexadecimal", "tag_uri"),
    [
        # GS1 TDS 1.x examples, annex E
        ("3074257BF7194E4000001A85", "urn:epc:tag:sgtin-96:3.0614141.812345.6789"),
        ("3174257BF4499602D2000000", "urn:epc:tag:sscc-96:3.0614141.1234567890"),
        ("3274257BF46072000000162E", "urn:epc:tag:sgln-96:3.0614141.12345.5678"),
        ("3474257BF40000000000162E", "urn:epc:tag:giai-96:3.0614141.5678"),
        ("3376451FD40C0E400000162E", "urn:epc:tag:grai-96:3.9521141.12345.5678"),
        ("3666C4409047E159B2C2BF100000000000000000000000000000", "urn:epc:tag:sgtin-198:3.95060001343.05.32a%2Fb"),
        # retail-epcpy's tests (MIT): dots and percent signs inside a serial number
        (
            "362579D5D4ADB6172574B98B34C0000000000000000000000000",
            "urn:epc:tag:sgtin-198:1.50712192365.88..%25:.13%26",
        ),
    ],
)
def test_published_values_of_tds_1(hexadecimal: str, tag_uri: str) -> None:
    assert decode_epc(hexadecimal).epc_tag_uri == tag_uri
    assert decode_epc(hexadecimal.lower() + "0000").epc_tag_uri == tag_uri
    assert encode_epc(tag_uri) == hexadecimal


@pytest.mark.parametrize(
    ("hexadecimal", "filter_value", "uri"),
    [
        # GS1 TDS 2.3 annex E.3
        ("FB342CDE795211411234538566CB0AFC4", 3, "https://id.gs1.org/01/79521141123453/21/32a%2Fb?17=220630"),
        ("F90095201234567891235", 0, "https://id.gs1.org/00/095201234567891235"),
        ("F13095211411234548566CB0AFC4", 3, "https://id.gs1.org/8003/0952114112345432a%2Fb"),
        ("FA3952114132E83C2BF10", 3, "https://id.gs1.org/8004/952114132a%2Fb"),
        ("F2395211411234548566CB0AFC4", 3, "https://id.gs1.org/414/9521141123454/254/32a%2Fb"),
        ("F3309521141123454010266AE27FDF35", 3, "https://id.gs1.org/8006/095211411234540102/21/rif981"),
    ],
)
def test_published_values_of_tds_2(hexadecimal: str, filter_value: int, uri: str) -> None:
    epc = decode_epc(hexadecimal)
    assert (epc.epc_uri, epc.epc_tag_uri, epc.filter_value) == (uri, None, filter_value)
    encoded = encode_epc(uri, filter_value)
    assert encoded.rstrip("0") == hexadecimal.rstrip("0")
    assert len(encoded) % 4 == 0


def test_a_pure_identity_takes_the_smallest_encoding_that_holds_it() -> None:
    assert encode_epc("urn:epc:id:sgtin:0614141.812345.6789").startswith("30")
    assert encode_epc("urn:epc:id:sgtin:0614141.812345.06789").startswith("36")
    assert encode_epc("urn:epc:id:sgtin:0614141.812345.274877906944").startswith("36")
    assert encode_epc("urn:epc:id:sgtin:0614141.812345.1", filter_value=5)[2:4] == "B4"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("", "length"),
        ("0" * 125, "length"),
        ("3074257BF7194E4000001A8G", "character"),
        ("3074257BF7", "length"),
        ("303C257BF7194E4000001A85", "partition"),
        ("3063FFFFFFFFFE4000001A85", "range"),
        ("3174257BF4499602D2000001", "content"),
        ("3074257BF7194E4000001A8501", "content"),
        ("DEADBEEF", "scheme"),
        ("3500E86F8000A9E000000586", "scheme"),
        ("F7379521141123453E66CB0AFC4", "content"),
    ],
)
def test_a_tag_that_means_nothing_is_refused_with_the_reason(wrong: str, code: str) -> None:
    with pytest.raises(EpcError) as refusal:
        decode_epc(wrong)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "uri",
    [
        "urn:epc:tag:sgtin-96:9.0614141.812345.6789",
        "urn:epc:tag:sgtin-96:3.0614141.812345.06789",
        "urn:epc:tag:sgtin-96:3.0614141.12345.6789",
        "urn:epc:tag:sgtin-96:3.061414A.812345.6789",
        "urn:epc:tag:sgtin-96:3.06141.812345.6789",
        "urn:epc:tag:sgtin-96:3.0614141.812345",
        "urn:epc:tag:sgtin-198:3.0614141.812345.ABCDEFGHIJKLMNOPQRSTU",
        "urn:epc:tag:sgtin-198:3.0614141.812345.thuốc",
        "urn:epc:tag:nosuch-96:3.0614141.812345.1",
        "urn:epc:id:nosuch:0614141.812345.1",
        "urn:epc:id:sgtin:0614141.812345.%G1",
        "https://id.gs1.org/01/79521141123453?10=A",
        "https://id.gs1.org/01/79521141123453/10/A",
        "https://id.gs1.org/8013/1987654Ad4X4bL5ttr2310c2K",
        "nonsense",
    ],
)
def test_what_no_tag_can_hold_is_refused(uri: str) -> None:
    with pytest.raises(EpcError):
        encode_epc(uri)
    with pytest.raises(EpcError, match="filter"):
        encode_epc("urn:epc:id:sgtin:0614141.812345.1", 8)


def _digits(count: int) -> st.SearchStrategy[str]:
    return st.text(alphabet="0123456789", min_size=count, max_size=count)


def _tail(tail: Tail) -> st.SearchStrategy[str]:
    match tail.kind:
        case "number":
            return st.integers(0, 2**tail.bits - 1).map(str)
        case "string":
            return st.text(alphabet=CSET82, min_size=1, max_size=tail.bits // 7)
        case "two_digits":
            return _digits(2)
        case _:
            return st.text(alphabet="0123456789", min_size=1, max_size=tail.digits_max)


@st.composite
def _fields(draw: st.DrawFn, scheme: Scheme) -> tuple[str, ...]:
    prefix_digits = draw(st.integers(6, 12))
    partition = 12 - prefix_digits
    if scheme.reference_is_string:
        most = epc_schemes.GIAI_CHARACTERS_MAX[partition]
        reference = draw(st.text(alphabet=CSET82, min_size=1, max_size=most))
    elif scheme.digits:
        reference = draw(_digits(scheme.reference_digits(partition)))
    else:
        bits = scheme.reference_bits[partition]
        largest = min(2**bits, 10 ** epc_schemes.GIAI_DIGITS_MAX[partition]) - 1
        reference = str(draw(st.integers(0, largest)))
    tails = [draw(_tail(tail)) for tail in scheme.tails if tail.kind != "zeros"]
    return (draw(_digits(prefix_digits)), reference, *tails)


@given(st.data(), st.sampled_from(sorted(epc_schemes.BY_NAME)), st.integers(0, 7))
def test_every_binary_scheme_says_again_what_it_was_told(data: st.DataObject, name: str, filter_value: int) -> None:
    scheme = epc_schemes.BY_NAME[name]
    epc = tag_uri_of(scheme, filter_value, data.draw(_fields(scheme)))
    decoded = decode_epc(encode_epc(epc))
    assert decoded.epc_tag_uri == epc
    assert parse_epc_uri(decoded.epc_uri).epc_uri == decoded.epc_uri


def tag_uri_of(scheme: Scheme, filter_value: int, fields: tuple[str, ...]) -> str:
    escaped = ["".join(f"%{ord(one):02X}" if one in '"%&/<>?' else one for one in field) for field in fields]
    return f"urn:epc:tag:{scheme.name}:{filter_value}." + ".".join(escaped)


SERIALS = (
    st.text(alphabet=CSET82, max_size=20)
    | st.text(alphabet="0123456789", max_size=20)
    | st.text(alphabet="0123456789ABCDEF", max_size=20)
    | st.text(alphabet="abcdef0123456789", max_size=20)
    | st.text(alphabet="ABCXYZ-.:0189", max_size=20)
)


@given(SERIALS, st.integers(0, 7), st.dates(date(2000, 1, 1), date(2049, 12, 31)), st.booleans())
def test_every_serial_number_survives_the_plus_schemes(
    serial: str,
    filter_value: int,
    day: date,
    with_date: bool,
) -> None:
    elements = [Element("01", "79521141123453")]
    elements += [Element("21", serial)] if serial else []
    elements += [Element("17", f"{day:%y%m%d}")] if with_date else []
    scheme = epc_plus.BY_NAME["dsgtin+" if with_date else "sgtin+"]
    hexadecimal = epc_plus.write(epc_plus.PlusEpc(scheme, filter_value, tuple(elements), has_more_data=False))
    decoded = decode_epc(hexadecimal)
    assert decoded.elements == tuple(elements)
    assert decoded.filter_value == filter_value
    assert encode_epc(decoded.epc_uri, filter_value) == hexadecimal


@given(st.text(alphabet=CSET82, min_size=1, max_size=30).filter(lambda text: len(text.lstrip("0123456789")) < 31))
def test_every_asset_survives_giai_plus(asset: str) -> None:
    element = Element("8004", asset)
    scheme = epc_plus.BY_NAME["giai+"]
    hexadecimal = epc_plus.write(epc_plus.PlusEpc(scheme, 0, (element,), has_more_data=False))
    assert decode_epc(hexadecimal).elements == (element,)


@given(st.binary(min_size=1, max_size=62), st.sampled_from(sorted({*epc_schemes.BY_HEADER, *epc_plus.BY_HEADER})))
def test_no_bits_raise_anything_but_our_error(content: bytes, header: int) -> None:
    for hexadecimal in (content.hex(), f"{header:02x}" + content.hex()[2:]):
        try:
            epc = decode_epc(hexadecimal)
        except EpcError:
            continue
        again = encode_epc(epc.epc_tag_uri or epc.epc_uri, epc.filter_value)
        assert epc.has_more_data or decode_epc(again).elements == epc.elements


@given(st.text() | st.text(alphabet="urn:epctagid0123456789.-%sgtin/h"))
def test_no_text_raises_anything_but_our_error(text: str) -> None:
    for uri in (text, "urn:epc:tag:sgtin-96:" + text, "urn:epc:id:giai:" + text, "https://a/01/" + text):
        with contextlib.suppress(EpcError):
            assert decode_epc(encode_epc(uri))


def test_a_tag_with_more_data_is_read_and_the_rest_announced() -> None:
    with_toggle = "FBB42CDE795211411234538566CB0AFC4"
    epc = decode_epc(with_toggle + "F0F0F0")
    assert epc.has_more_data
    assert epc.elements[1].value == "32a/b"
    assert parse_scan("epc:" + with_toggle, date(2026, 1, 1)).has("more_data")
