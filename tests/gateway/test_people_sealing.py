"""Sealed values, blind indexes and the key file: without a database."""

import random
import stat
import uuid
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.people.blind_index import exact_index, fold, name_index, normal_form, same_person_index, search_tokens
from gateway.people.keys import PeopleKeyError, PeopleKeys, read_keys, write_keys
from gateway.people.person import NewPatient, Reader, needs_guardian, newborn_name
from gateway.people.registration import read_person_card
from gateway.people.sealing import SealError, key_id_of, seal, unseal
from gateway.people.search import read_text
from gateway.stock.errors import WorkRefusedError
from tests.gateway.people_kit import KEYS

ROW = uuid.UUID(int=7)
PLACES = st.tuples(st.sampled_from(["patient", "guardian"]), st.sampled_from(["full_name", "phone"]), st.uuids())


@given(st.binary(max_size=400), PLACES)
def test_what_is_sealed_opens_in_its_place(value: bytes, place: tuple[str, str, uuid.UUID]) -> None:
    assert unseal(KEYS, *place, seal(KEYS, *place, value)) == value


@given(st.text(min_size=1, max_size=60), PLACES, PLACES)
def test_a_value_that_is_copied_to_another_column_or_row_does_not_open(
    text: str, here: tuple[str, str, uuid.UUID], there: tuple[str, str, uuid.UUID]
) -> None:
    sealed = seal(KEYS, *here, text.encode())
    if here != there:
        with pytest.raises(SealError) as refused:
            unseal(KEYS, *there, sealed)
        assert len(text) < 4 or text not in str(refused.value)


def test_of_ten_thousand_flipped_bits_none_is_accepted() -> None:
    draw = random.Random(11)  # noqa: S311 - which bits to flip is no secret
    sealed = [seal(KEYS, "patient", "full_name", ROW, draw.randbytes(draw.randrange(60))) for _ in range(50)]
    accepted = 0
    for _ in range(10_000):
        broken = bytearray(draw.choice(sealed))
        broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
        try:
            unseal(KEYS, "patient", "full_name", ROW, bytes(broken))
        except SealError:
            continue
        accepted += 1
    assert accepted == 0


@given(st.binary(max_size=120))
def test_what_was_never_sealed_is_refused_as_such(value: bytes) -> None:
    with pytest.raises(SealError):
        unseal(KEYS, "patient", "full_name", ROW, value)


def test_the_length_of_a_sex_or_a_flag_says_nothing() -> None:
    lengths = {len(seal(KEYS, "patient", "sex", ROW, word)) for word in (b"male", b"female", b"unknown", b"1")}
    assert len(lengths) == 1


def test_an_older_key_still_opens_after_a_rotation_and_a_lost_one_is_named() -> None:
    sealed = seal(KEYS, "patient", "phone", ROW, b"0903")
    newer = KEYS.rotated()
    assert unseal(newer, "patient", "phone", ROW, sealed) == b"0903"
    again = seal(newer, "patient", "phone", ROW, b"0903")
    assert (key_id_of(sealed), key_id_of(again)) == (1, 2)
    with pytest.raises(SealError, match="key 2"):
        unseal(KEYS, "patient", "phone", ROW, again)


def test_the_key_file_is_its_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "people-keys.json"
    keys = PeopleKeys.create().rotated()
    write_keys(path, keys)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_keys(path) == keys
    assert str(keys).count("bytes") == 0
    with pytest.raises(PeopleKeyError, match="never overwritten"):
        write_keys(path, keys)
    path.chmod(0o640)
    with pytest.raises(PeopleKeyError, match="can be read by others"):
        read_keys(path)
    for content in ("", "{}", "[]", '{"medtap_people_keys": 1, "current": 1, "data_keys": {}, "index_key": ""}'):
        other = tmp_path / f"other-{len(content)}.json"
        other.write_text(content)
        other.chmod(0o600)
        with pytest.raises(PeopleKeyError, match="damaged"):
            read_keys(other)
    with pytest.raises(PeopleKeyError, match="can't be read"):
        read_keys(tmp_path / "nowhere.json")


def test_a_name_is_folded_as_people_type_it_in_a_hurry() -> None:
    assert fold("Nguyễn Thị Đoan  Trang") == ("nguyen", "thi", "doan", "trang")
    assert fold("CON BÀ LÊ THỊ Ý 1") == ("con", "ba", "le", "thi", "y", "1")
    index = set(name_index(KEYS, "Nguyễn Thị Ý"))
    assert set(search_tokens(KEYS, ("ngu", "th"))) <= index
    assert not set(search_tokens(KEYS, ("tra",))) <= index
    assert search_tokens(KEYS, ("y",)) == []
    assert set(search_tokens(KEYS, ("nguyenx",))) <= index  # cut to six letters: compared again when opened


def test_a_number_is_the_same_however_it_is_written() -> None:
    forms = {
        "citizen_id": ("079203001234", "079 203 001 234", "079-203-001-234"),
        "insurance_number": ("TE1797912345678", "te1 79 7912345678", "7912345678"),
        "phone": ("+84 903 123 456", "0903123456", "0903.123.456"),
        "patient_number": ("BN 00 12", "bn0012"),
    }
    for kind, written in forms.items():
        assert len({exact_index(KEYS, kind, one) for one in written}) == 1, kind  # type: ignore[arg-type]
    assert exact_index(KEYS, "phone", "0903") != exact_index(KEYS, "patient_number", "0903")
    assert normal_form("citizen_id", "12") == "12"
    assert same_person_index(KEYS, "Lê Ánh", date(2020, 1, 2)) == same_person_index(KEYS, "LE ANH", date(2020, 1, 2))
    assert same_person_index(KEYS, "Lê Ánh", None) is None


def test_a_search_text_is_a_card_a_number_or_a_name() -> None:
    assert {kind for kind, _ in read_text("079 203 001 234").numbers} >= {"citizen_id", "phone"}
    assert read_text("TE1 79 7912345678").numbers
    named = read_text("le thi an 2019")
    assert (named.words, named.year) == (("le", "thi", "an"), 2019)
    assert read_text("le thi an").numbers == ()
    dated = read_text("an 05/07/2019")
    assert (dated.words, dated.born) == (("an",), date(2019, 7, 5))
    card = read_text("079203001234|250123456|Lê Thị An|05071990|Nữ|12 Lê Lợi|01012022")
    assert card.numbers == (("citizen_id", "079203001234"),)
    assert (card.words, card.born) == (("le", "thi", "an"), date(1990, 7, 5))
    insurance = read_text("TE1797912345678|4cc3aa20416e|05/07/2019")
    assert insurance.numbers == (("insurance_number", "TE1797912345678"),)
    assert read_text("a|b|c|d|e|f|g").numbers == ()


@given(st.text(max_size=300))
def test_any_search_text_is_read_in_its_way(text: str) -> None:
    read_text(text)


@given(st.text(max_size=200) | st.from_regex(r"[0-9A-Z|]{5,60}"))
def test_a_card_is_read_or_refused_as_one(text: str) -> None:
    try:
        card = read_person_card(text)
    except WorkRefusedError:
        return
    assert card.citizen_id or card.insurance_number


def test_twelve_digits_are_the_only_rule_of_a_citizen_number() -> None:
    assert NewPatient("Lê An", citizen_id="999 999 999 999").citizen_id == "999999999999"
    for wrong, code in (
        ({"citizen_id": "12345678901"}, "person_citizen_id"),
        ({"insurance_number": "TE9797912345678"}, "person_insurance"),
        ({"phone": "call me"}, "person_phone"),
        ({"full_name": " "}, "person_name"),
        ({"full_name": "a\x00b"}, "person_name"),
    ):
        with pytest.raises(WorkRefusedError) as refused:
            NewPatient(**{"full_name": "Lê An", **wrong})  # type: ignore[arg-type]  # of the names above
        assert refused.value.code == code
    assert "Lê" not in repr(NewPatient("Lê An"))
    assert newborn_name("nguyễn thị lan") == "CON BÀ NGUYỄN THỊ LAN"
    assert needs_guardian(date(2013, 1, 1), date(2026, 12, 31))
    assert not needs_guardian(date(2012, 12, 31), date(2026, 12, 31))
    with pytest.raises(ValueError, match="purpose"):
        Reader("lan", "")
