"""NDEF bytes, judged by someone else's decoder (ndeflib)."""

import ndef
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim import ndef_bytes


@pytest.mark.parametrize(
    ("uri", "first_payload_byte"),
    [
        ("https://id.example.com/01/04012345123456/10/ABC123", 4),
        ("https://www.example.com/x", 2),
        ("http://example.com", 3),
        ("urn:epc:id:sgtin:4012345.012345.1", 0x1E),
        ("tel:+84", 0),
    ],
)
def test_a_uri_comes_back_and_its_prefix_is_abbreviated(uri: str, first_payload_byte: int) -> None:
    message = ndef_bytes.message(ndef_bytes.uri_record(uri))
    (record,) = ndef.message_decoder(message)
    assert record.iri == uri
    assert message[4] == first_payload_byte


@given(st.lists(st.text(max_size=300), min_size=1, max_size=4))
def test_texts_come_back_in_order_long_and_short(texts: list[str]) -> None:
    decoded = list(ndef.message_decoder(ndef_bytes.message(*map(ndef_bytes.text_record, texts))))
    assert [(record.text, record.language) for record in decoded] == [(text, "vi") for text in texts]


def test_a_message_of_nothing_is_one_empty_record() -> None:
    assert [record.type for record in ndef.message_decoder(ndef_bytes.message())] == [""]


@pytest.mark.parametrize(("size", "head"), [(0, "0300"), (254, "03fe"), (255, "03ff00ff"), (700, "03ff02bc")])
def test_the_length_of_a_tag_area_takes_three_bytes_from_255_on(size: int, head: str) -> None:
    area = ndef_bytes.type2_data_area(bytes(size))
    assert area.hex().startswith(head)
    assert area[-1] == 0xFE
