"""Everything published that we could find about these codes, with each exception and its reason."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from inventory import check_digit, ndef
from inventory.citizen_card import birth_year_hint, normalise_number
from inventory.digital_link import write_digital_link
from inventory.element import Element
from inventory.element_string import GS, split_bracketed
from inventory.epc import decode_epc, encode_epc
from inventory.errors import CodeError, EpcError, NdefError
from inventory.gs1_date import parse_local_datetime, parse_yymmdd
from inventory.insurance_card import parse_insurance_number
from inventory.measure import decimal_value
from inventory.scan import parse_scan
from tests.inventory.published_vectors import find_vectors, load_vectors, short_id

TODAY = date(2026, 11, 22)
PLAIN_TEXT = "plain text is valid as the content of a symbol, but it is no code that anyone can act upon"
ZERO_SUPPRESSED = "GTIN-8/12/13 in a path is an option that the standard leaves off; we leave it off too"


def compare(
    vectors: list[dict[str, Any]],
    is_valid: Callable[[dict[str, Any]], bool],
    exceptions: Mapping[str, str],
) -> None:
    wrong = [short_id(vector) for vector in vectors if is_valid(vector) != vector.get("valid", True)]
    assert sorted(wrong) == sorted(exceptions), "a vector outside the named exceptions disagrees, or one agrees now"


def test_gs1_engine_element_strings() -> None:
    def is_valid(vector: dict[str, Any]) -> bool:
        text = vector["input"]
        is_raw = text.startswith("^") or vector["kind"].startswith("raw")
        return parse_scan("]d2" + text.removeprefix("^").replace("^", GS) if is_raw else text, TODAY).valid

    exceptions = {"o014": "(89) is not an AI; the engine's test of repeats permits unknown ones, we never do"}
    compare(load_vectors("gs1_element_strings"), is_valid, exceptions)


def test_gs1_engine_bracketed_text_becomes_the_same_elements() -> None:
    for vector in load_vectors("gs1_element_strings"):
        if vector["kind"] == "bracketed_to_raw":
            bracketed = split_bracketed(vector["input"]).elements
            raw = parse_scan("]d2" + vector["expected_raw"].removeprefix("^").replace("^", GS), TODAY)
            assert bracketed == raw.elements, vector["id"]


def test_gs1_engine_digital_links() -> None:
    vectors = [vector for vector in load_vectors("gs1_digital_link") if vector["kind"].startswith("parse")]
    zero_suppressed = {short_id(one): ZERO_SUPPRESSED for one in vectors if one["kind"] == "parse_ok_zs"}
    compare(vectors, lambda vector: parse_scan(vector["uri"], TODAY).valid, zero_suppressed)
    for vector in vectors:
        if vector["kind"] == "parse_ok":
            raw = vector["expected_raw_fnc1_caret"].removeprefix("^").replace("^", GS)
            assert parse_scan(vector["uri"], TODAY).elements == parse_scan("]d2" + raw, TODAY).elements, vector["id"]


def test_gs1_engine_digital_links_are_written_alike() -> None:
    for vector in load_vectors("gs1_digital_link"):
        if vector["kind"].startswith("generate"):
            elements = split_bracketed(vector["input"]).elements
            stem = [vector["stem"]] if vector["stem"] else []
            if vector["valid"]:
                assert write_digital_link(elements, *stem) == vector["expected_uri"]
            else:
                with pytest.raises(CodeError):
                    write_digital_link(elements, *stem)


def test_gs1_engine_scan_data() -> None:
    vectors = load_vectors("gs1_scan_data")
    exceptions = dict.fromkeys(("o004", "o017", "o018", "o021", "o022", "o025", "o031"), PLAIN_TEXT)
    exceptions["o029"] = "HtTps:// is plain text to the engine; a mixed-case scheme is forbidden in a Digital Link"
    compare(
        vectors,
        lambda vector: parse_scan(vector.get("scan_data") or vector.get("expected_scan_data") or "", TODAY).valid,
        exceptions,
    )


def test_check_digits() -> None:
    compare(
        load_vectors("gs1_check_digits"),
        lambda vector: parse_scan(vector["value_with_check"], TODAY).valid,
        {},
    )
    for vector in load_vectors("gs1_check_digits"):
        if vector["kind"] == "compute":
            assert check_digit.check_digit(vector["payload"]) == vector["expected_check_digit"]


def test_dates_by_the_syntax_dictionary() -> None:
    def is_valid(vector: dict[str, Any]) -> bool:
        ai = "17" if vector["dd00_permitted"] else "7006"
        return parse_scan(f"({ai}){vector['value']}", TODAY).valid

    compare(load_vectors("gs1_dates_syntax"), is_valid, {})


def test_dates_decimals_and_messages_of_biip() -> None:
    vectors = load_vectors("gs1_dates_decimals_messages")

    def scan_of(vector: dict[str, Any]) -> Any:  # noqa: ANN401 - a ParsedScan
        text = vector.get("element_string") or vector["message"]
        return parse_scan("]C1" + text, TODAY, separator=vector.get("separator", GS))

    compare(vectors, lambda vector: scan_of(vector).valid, {})
    for vector in vectors:
        elements = scan_of(vector).elements
        if vector.get("expected_hri"):
            assert "".join(map(str, elements)) == vector["expected_hri"]
        if vector.get("expected_decimal"):
            assert decimal_value(elements[0]) == Decimal(vector["expected_decimal"])
        if vector.get("expected_date"):
            assert (
                parse_yymmdd(elements[0].value[:6], TODAY, day_zero_allowed=True).day.isoformat()
                == (vector["expected_date"])
            )
        if vector.get("expected_datetime"):
            moment = parse_local_datetime(elements[0].value, TODAY)
            assert moment.isoformat().startswith(vector["expected_datetime"])


RECOGNISED_ONLY = {
    **dict.fromkeys(("o001", "o023", "o046", "o057"), "CPI: parts of machines, never on medicine"),
    **dict.fromkeys(("o008", "o017", "o040", "o045"), "GID: a scheme without GS1 keys"),
    "o021": "USDoD: defence supplies",
    "o049": "ADI: aircraft parts",
    "o054": "SGCN+: coupons",
    **dict.fromkeys(("o060", "o061", "o062", "o063", "o064", "o065"), "++ schemes hold a host name: recognised"),
}


def test_epc_values_of_the_tag_data_standard_and_of_epcpy() -> None:
    for vector in load_vectors("epc_hex_uri"):
        if short_id(vector) in RECOGNISED_ONLY:
            with pytest.raises(EpcError, match="recognised"):
                decode_epc(vector["hex"])
            continue
        epc = decode_epc(vector["hex"])
        if "tag_uri" in vector:
            assert (epc.epc_uri, epc.epc_tag_uri) == (vector["pure_identity_uri"], vector["tag_uri"])
        uri = epc.epc_tag_uri or epc.epc_uri
        assert encode_epc(uri, epc.filter_value).rstrip("0") == vector["hex"].upper().rstrip("0")
        if "bare_identifier" in vector:
            fields = dict(part.split("=", 1) for part in vector["bare_identifier"].split(";"))
            values = {element.value for element in epc.elements}
            assert set(fields.values()) == values, vector["id"]


NOT_READ = {
    "signature_payload": "a signature record: who wrote a tag is nothing that stock is booked by",
    "sp_action_payload": "what a telephone is to do with a smart poster: a reader does nothing with it",
}


def test_every_published_set_of_these_codes_is_run() -> None:
    here = find_vectors("epc_hex_uri.json").parent
    sets = {path.stem for path in (*here.glob("gs1_*.json"), *here.glob("epc_*.json"), *here.glob("ndef*.json"))}
    loaded = {name for name in sets if f'load_vectors("{name}")' in Path(__file__).read_text(encoding="utf-8")}
    assert loaded == sets


def test_ndef_messages_of_ndeflib() -> None:
    readers: dict[str, Callable[[bytes], Any]] = {
        "uri_payload": ndef.decode_uri,
        "text_payload": ndef.decode_text,
    }
    for vector in load_vectors("ndef"):
        kind, data, expected = vector["kind"], bytes.fromhex(vector["hex"]), vector["expected"]
        if kind in NOT_READ:
            continue
        reader = readers.get(kind.removesuffix("_bad"), ndef.decode_message)
        if "_bad" in kind:
            with pytest.raises(NdefError):
                reader(data)
        elif kind.endswith("_payload"):
            assert reader(data) == expected.get("uri", expected.get("text")), vector["id"]
        elif kind == "message_ok":
            assert len(ndef.decode_message(data)) in {len(expected), 1}  # chunks are put together
        else:
            texts = [record.text for record in ndef.decode_message(data)]
            assert texts == (expected.get("uris") or [text for text, _ in expected["texts"]])


def test_vietnamese_numbers() -> None:
    for vector in load_vectors("vietnam_identifiers"):
        kind, value = vector["kind"], vector.get("value", "")
        match kind:
            case "cccd_bad" | "cccd_current_rule_bad":
                assert parse_scan(value, TODAY).kind != "cccd", value
            case "cccd_current_rule":
                assert normalise_number(value) == vector["normalised"]
                assert parse_scan(value, TODAY).kind == "cccd"
            case "cccd_legacy_decode":
                assert birth_year_hint(value) == vector["expected"]["birth_year"]
            case "bhyt15" | "bhyt15_format" | "bhyt15_pattern" | "bhyt15_benefit":
                card = parse_insurance_number(value)
                assert card.number == vector.get("normalised", value)
                expected = vector.get("expected", {})
                assert card.benefit_level == expected.get("benefit_level", card.benefit_level)
                assert card.bhxh_number == expected.get("bhxh_number", card.bhxh_number)
                assert parse_scan(value, TODAY).valid
            case "bhyt15_bad":
                scan = parse_scan(value, TODAY)
                assert (scan.kind, scan.valid) == ("bhyt", False)
            case _:
                # FHIR systems, drug registrations (text in our catalogue), benefit percentages, masks: no codes.
                assert not kind.startswith("cccd_current")


def test_a_wrong_element_is_named_in_the_reason() -> None:
    """Not only refused: the reason names the element, so that the person can find it on the pack."""
    for vector in load_vectors("gs1_element_strings"):
        if vector["kind"] == "content_invalid":
            ai = vector["input"][1:].partition(")")[0]
            scan = parse_scan(vector["input"], TODAY)
            assert any(f"({ai})" in problem.message for problem in scan.errors), vector["input"]
            assert Element(ai, "") not in scan.elements
