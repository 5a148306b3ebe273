"""Blind indexes: finding a person without the database knowing what is looked for.

An exact number becomes HMAC-SHA-256 of its normal form, cut to 16 bytes. A name becomes 64-bit HMACs of the beginnings
(2 to 6 letters) of its words without accents. What this gives away to whoever has the database and not the key: which
rows have the same number, or words that begin alike, and how often each beginning comes (the commonest is Nguyễn's);
not which letters they are. Numbers of few digits can't be tried out without the key either.
"""

import hashlib
import hmac
import re
import unicodedata
from datetime import date
from typing import Final, Literal

from gateway.people.keys import PeopleKeys
from inventory.citizen_card import normalise_number

ExactKind = Literal["patient_number", "insurance_number", "citizen_id", "phone"]
INDEX_BYTES: Final = 16
PREFIX_LETTERS_MIN: Final = 2
PREFIX_LETTERS_MAX: Final = 6
_INSURANCE: Final = re.compile(r"[A-Z]{2}[1-5][0-9]{2}([0-9]{10})")
_WORD: Final = re.compile(r"[a-z0-9]+")


def exact_index(keys: PeopleKeys, kind: ExactKind, value: str) -> bytes:
    """Of a number as a person may write it."""
    return _mac(keys, kind, normal_form(kind, value))[:INDEX_BYTES]


def normal_form(kind: ExactKind, value: str) -> str:
    """Without what writing it adds. Of an insurance card the ten BHXH digits, which stay when the group changes."""
    compact = "".join(value.split()).upper()
    if kind == "citizen_id":
        return normalise_number(value.strip()) or compact
    if kind == "insurance_number":
        found = _INSURANCE.fullmatch(compact)
        return found[1] if found else compact
    if kind == "phone":
        digits = re.sub(r"[^0-9+]", "", value)
        return "0" + digits.removeprefix("+84") if digits.startswith("+84") else digits
    return compact


def same_person_index(keys: PeopleKeys, full_name: str, birth_date: date | None) -> bytes | None:
    """Of name and birth date together; None where one of them says nothing."""
    words = fold(full_name)
    if birth_date is None or not words:
        return None
    return _mac(keys, "same_person", f"{' '.join(words)}|{birth_date.isoformat()}")[:INDEX_BYTES]


def name_index(keys: PeopleKeys, full_name: str) -> list[int]:
    """Of the beginnings of its words, as signed 64-bit numbers, each once."""
    beginnings = {
        word[:letters]
        for word in fold(full_name)
        for letters in range(min(PREFIX_LETTERS_MIN, len(word)), min(PREFIX_LETTERS_MAX, len(word)) + 1)
    }
    return sorted(_token(keys, beginning) for beginning in beginnings)


def search_tokens(keys: PeopleKeys, words: tuple[str, ...]) -> list[int]:
    """What a name's index must hold for all of these words to begin words of it. One letter alone says too little."""
    return sorted({_token(keys, word[:PREFIX_LETTERS_MAX]) for word in words if len(word) >= PREFIX_LETTERS_MIN})


def fold(name: str) -> tuple[str, ...]:
    """The words in small letters without accents; đ is d."""
    bare = unicodedata.normalize("NFD", name.casefold().replace("đ", "d"))
    return tuple(_WORD.findall("".join(letter for letter in bare if not unicodedata.combining(letter))))


def _token(keys: PeopleKeys, beginning: str) -> int:
    return int.from_bytes(_mac(keys, "name", beginning)[:8], "big", signed=True)


def _mac(keys: PeopleKeys, kind: str, value: str) -> bytes:
    return hmac.digest(keys.index_key, f"{kind}\0{value}".encode(), hashlib.sha256)
