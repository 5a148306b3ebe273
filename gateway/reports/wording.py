"""How numbers, days and money are written in Vietnamese documents."""

from datetime import date, datetime
from typing import Final

_DIGITS: Final = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_THOUSANDS: Final = ("", "nghìn", "triệu")
_GROUP: Final = 1000
_BILLION: Final = 1_000_000_000
_WRITTEN_MAX: Final = 10**18


def number(value: int) -> str:
    """1.234.567: full stops between thousands (TCVN custom; Excel's Vietnamese setting does the same)."""
    return f"{value:,}".replace(",", ".")


def number_or_blank(value: int) -> str:
    """Nothing for zero, as a hand-kept book has it."""
    return number(value) if value else ""


def day(value: date | None) -> str:
    """dd/mm/yyyy; nothing where there is none."""
    return f"{value:%d/%m/%Y}" if value else ""


def moment(value: datetime) -> str:
    """HH:MM dd/mm/yyyy, in the time zone the value carries."""
    return f"{value:%H:%M %d/%m/%Y}"


def long_day(value: date) -> str:
    """As it stands above signatures."""
    return f"ngày {value.day:02} tháng {value.month:02} năm {value.year}"


def money(value: int) -> str:
    """Whole đồng."""
    return f"{number(value)} đ"


def in_words(value: int) -> str:
    """A whole number below 10^18 in Vietnamese words, first letter large: "Một trăm linh năm nghìn".

    Raises:
        ValueError: negative, or too large for any invoice.
    """
    if not 0 <= value < _WRITTEN_MAX:
        raise ValueError(f"{value!r}: expected 0 to 10^18")
    words = _DIGITS[0] if value == 0 else _positive(value, leading=True)
    return words[0].upper() + words[1:]


def _positive(value: int, *, leading: bool) -> str:
    """Groups of three digits up to a billion (tỷ), which begins to count anew."""
    if value >= _BILLION:
        rest = value % _BILLION
        high = f"{_positive(value // _BILLION, leading=leading)} tỷ"
        return f"{high} {_positive(rest, leading=False)}" if rest else high
    parts: list[str] = []
    for place in (2, 1, 0):
        group = value // _GROUP**place % _GROUP
        if group:
            spoken = _below_thousand(group, full=bool(parts) or not leading)
            parts.append(f"{spoken} {_THOUSANDS[place]}".strip())
    return " ".join(parts)


def _below_thousand(value: int, *, full: bool) -> str:
    """`full`: something stands before it, so that hundreds are said even if there are none."""
    hundreds, tens, ones = value // 100, value // 10 % 10, value % 10
    words = [f"{_DIGITS[hundreds]} trăm"] if hundreds or full else []
    if tens == 0:
        if ones:
            words += ["linh"] if words else []
            words.append(_DIGITS[ones])
        return " ".join(words)
    words.append("mười" if tens == 1 else f"{_DIGITS[tens]} mươi")
    if ones == 1 and tens > 1:
        words.append("mốt")
    elif ones == 5:  # noqa: PLR2004 - năm becomes lăm behind tens
        words.append("lăm")
    elif ones:
        words.append(_DIGITS[ones])
    return " ".join(words)
