"""NDEF messages through ndeflib."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contracts.base import FRAME_BYTES_MAX
from edge.contracts.observations import NdefRecordRead
from edge.drivers.ndef_records import MESSAGE_BYTES_MAX, NdefUnreadableError, decode_ndef
from firmware_sim import ndef_bytes

DIGITAL_LINK = "https://id.example.com/01/08934567890129/10/A%2F1%20B/21/%C4%90N?17=281231&x=%26"


def test_a_digital_link_keeps_its_percent_signs() -> None:
    message = ndef_bytes.message(ndef_bytes.uri_record(DIGITAL_LINK))
    assert decode_ndef(message) == (NdefRecordRead(type="urn:nfc:wkt:U", text=DIGITAL_LINK),)


@given(st.lists(st.text(max_size=200), min_size=1, max_size=5))
def test_vietnamese_and_any_other_text_is_kept(texts: list[str]) -> None:
    message = ndef_bytes.message(*(ndef_bytes.text_record(text) for text in texts))
    assert [record.text for record in decode_ndef(message)] == texts


def test_another_kind_of_record_keeps_its_payload() -> None:
    message = ndef_bytes.message(ndef_bytes.record(b"application/x.medtap", b"\x01\xff", tnf=2))
    assert decode_ndef(message) == (NdefRecordRead(type="application/x.medtap", payload="01ff"),)


def test_no_message_is_no_record() -> None:
    assert decode_ndef(b"") == ()


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_records_or_unreadable_and_then_kept(message: bytes) -> None:
    kept = b""
    try:
        assert decode_ndef(message)
    except NdefUnreadableError as error:
        kept = error.raw
    assert kept in (b"", message)


@pytest.mark.parametrize(
    "message",
    [
        ndef_bytes.message(ndef_bytes.record(b"application/x.medtap", bytes(2049), tnf=2)),
        ndef_bytes.message(*[ndef_bytes.text_record("x")] * 65),
        ndef_bytes.message(ndef_bytes.text_record("x" * MESSAGE_BYTES_MAX)),
    ],
)
def test_more_than_a_row_can_carry_is_refused(message: bytes) -> None:
    with pytest.raises(NdefUnreadableError, match="expected"):
        decode_ndef(message)


def test_the_largest_message_fits_a_frame() -> None:
    records = [ndef_bytes.record(b"application/x.medtap", bytes(2000), tnf=2)] * 4
    encoded = sum(len(record.model_dump_json()) for record in decode_ndef(ndef_bytes.message(*records)))
    assert encoded < FRAME_BYTES_MAX / 2
