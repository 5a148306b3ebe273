"""Checks of single values inside GS1 elements, each named after the "linter" of the GS1 Barcode Syntax Dictionary."""

import re
from collections.abc import Iterator
from datetime import date
from itertools import count, islice
from typing import Final

from inventory.errors import CodeError
from inventory.iso_codes import COUNTRY_LETTERS, COUNTRY_NUMBERS, CURRENCY_NUMBERS

CSET82: Final = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""The characters of alphanumeric AIs, in the order of their values (GS1 General Specifications 7.11, ISO/IEC 646)."""
_CSET32: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""The characters of a check pair (7.9.5)."""
_CHECK_PAIR_MODULUS: Final = 1021
"""Largest prime below 32 * 32 (7.9.5)."""
_IBAN_MODULUS: Final = 97
"""ISO 7064 mod 97-10, as ISO 13616 uses it."""
_IBAN_LENGTH_MIN: Final = 10
_DEGREES_180: Final = 1_800_000_000
"""180 degrees in units of 1e-7 degree, as AI 4309 counts."""


def any_digits(text: str) -> None:
    """A count or variant: one digit at least is all that is asked."""
    if not text.isdecimal():
        raise CodeError("character", f"{text!r} is not a number")


def zero(text: str) -> None:
    """The filler digit of a GRAI."""
    if text != "0":
        raise CodeError("content", f"the first digit is {text!r}, expected 0")


def piece_of_total(text: str) -> None:
    """Piece number and number of pieces, two digits each."""
    piece, total = int(text[:2]), int(text[2:])
    if piece == 0 or total == 0:
        raise CodeError("content", f"piece {piece} of {total}: both are at least 1")
    if piece > total:
        raise CodeError("content", f"piece {piece} of {total}: there are only {total}")


def currency(text: str) -> None:
    """ISO 4217 number."""
    if text not in CURRENCY_NUMBERS:
        raise CodeError("content", f"currency {text!r} is not an ISO 4217 number")


def country(text: str) -> None:
    """ISO 3166-1 number."""
    if text not in COUNTRY_NUMBERS:
        raise CodeError("content", f"country {text!r} is not an ISO 3166-1 number")


def country_or_any(text: str) -> None:
    """ISO 3166-1 number, or 999 for "several"."""
    if text != "999":
        country(text)


def countries(text: str) -> None:
    """One to five ISO 3166-1 numbers, one after the other."""
    for start in range(0, len(text), 3):
        country(text[start : start + 3])


def country_letters(text: str) -> None:
    """ISO 3166-1 alpha-2."""
    if text not in COUNTRY_LETTERS:
        raise CodeError("content", f"country {text!r} is not an ISO 3166-1 alpha-2 code")


def latitude_longitude(text: str) -> None:
    """Two numbers of ten digits: latitude + 90 and longitude (+ 360 if west) in units of 1e-7 degree."""
    if int(text[:10]) > _DEGREES_180 or int(text[10:]) > 2 * _DEGREES_180:
        raise CodeError("content", f"{text!r} is no place on earth")


def importer_index(text: str) -> None:
    """One character of base64url (EU 2018/574)."""
    if re.fullmatch(r"[0-9A-Za-z_-]", text) is None:
        raise CodeError("character", f"importer index {text!r} is not one of A-Z a-z 0-9 _ -")


def media_type(text: str) -> None:
    """AIDC media type: 01 to 10, and 80 to 99 for own use (ICCBBA)."""
    if not ("01" <= text <= "10" or "80" <= text <= "99"):
        raise CodeError("content", f"AIDC media type {text!r} is not 01 to 10 or 80 to 99")


def full_date(text: str) -> None:
    """YYYYMMDD."""
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        raise CodeError("date", f"date {text!r}: expected YYYYMMDD of a day that exists") from None


def biological_sex(text: str) -> None:
    """ISO 5218."""
    if text not in {"0", "1", "2", "9"}:
        raise CodeError("content", f"sex {text!r} is not 0, 1, 2 or 9 (ISO 5218)")


def position_in_sequence(text: str) -> None:
    """Such as 1/3."""
    found = re.fullmatch(r"([0-9])/([0-9])", text)
    if found is None or found[1] == "0" or found[1] > found[2]:
        raise CodeError("content", f"position {text!r}: expected such as 1/3, from 1 to the number of all")


def roll_dimensions(text: str) -> None:
    """Width, length and core diameter that are not zero; winding direction 0, 1 or 9."""
    if any(int(part) == 0 for part in (text[:4], text[4:9], text[9:12])) or text[12] not in "019":
        raise CodeError("content", f"roll dimensions {text!r}: a measure is zero, or the winding is not 0, 1 or 9")


def no_zero_prefix(text: str) -> None:
    """A number without leading zeros."""
    if len(text) > 1 and text.startswith("0"):
        raise CodeError("content", f"{text!r} begins with 0")


def iban(text: str) -> None:
    """ISO 13616: two letters, two check digits, country's own number."""
    if len(text) < _IBAN_LENGTH_MIN:
        raise CodeError("length", f"IBAN {text!r} is too short")
    if re.fullmatch(r"[A-Z]{2}[0-9]{2}[0-9A-Z]+", text) is None or text[:2] not in COUNTRY_LETTERS:
        raise CodeError("content", f"IBAN {text!r}: expected country letters, two digits, digits and capital letters")
    rotated = text[4:] + text[:4]
    number = int("".join(str(int(character, 36)) for character in rotated))
    if number % _IBAN_MODULUS != 1:
        raise CodeError("check_digit", f"IBAN {text!r}: wrong check digits {text[2:4]!r}")


def base64url(text: str) -> None:
    """RFC 4648 section 5, with at most two padding characters at the end."""
    if re.fullmatch(r"[0-9A-Za-z_-]+", text) is None:
        raise CodeError("character", f"{text!r} is not base64url")


def check_pair(text: str) -> None:
    """The two check characters of a GMN (7.9.5)."""
    if len(text) <= 2:  # noqa: PLR2004 - the pair itself
        raise CodeError("length", f"{text!r} is too short for a check pair")
    unknown = [character for character in text if character not in CSET82]
    if unknown:
        raise CodeError("character", f"{text!r}: {unknown[0]!r} is not in the GS1 character set 82")
    expected = compute_check_pair(text[:-2])
    if text[-2:] != expected:
        raise CodeError("check_digit", f"{text!r}: check pair is {text[-2:]!r}, expected {expected!r}")


def compute_check_pair(payload: str) -> str:
    """Sum of character values weighted by the primes from the right, modulo 1021, in two characters of 32."""
    weighted = sum(
        CSET82.index(character) * prime
        for character, prime in zip(reversed(payload), islice(_primes(), len(payload)), strict=True)
    )
    remainder = weighted % _CHECK_PAIR_MODULUS
    return _CSET32[remainder >> 5] + _CSET32[remainder & 31]


def _primes() -> Iterator[int]:
    return filter(_is_prime, count(2))


def _is_prime(number: int) -> bool:
    return all(number % divisor for divisor in range(2, int(number**0.5) + 1))
