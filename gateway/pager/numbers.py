"""Telephone numbers in one form: `+84901234567` however it was written."""

import re
from typing import Final

_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
"""ITU-T E.164: at most 15 digits."""
_FILLING: Final = re.compile(r"[\s().\-/]")


def normal_number(text: str, country_code: str) -> str | None:
    """In international form; None if it is no number.

    Args:
        text: as a person or a modem writes it.
        country_code: such as `+84`, in place of a leading 0.
    """
    plain = _FILLING.sub("", text)
    if plain.startswith("00"):
        plain = f"+{plain[2:]}"
    elif plain.startswith("0"):
        plain = f"{country_code}{plain[1:]}"
    elif plain.startswith(country_code[1:]) and not plain.startswith("+"):
        plain = f"+{plain}"
    return plain if _NUMBER.fullmatch(plain) else None
