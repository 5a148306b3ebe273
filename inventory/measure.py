"""Measures, prices and percentages in GS1 elements: the last digit of the AI says where the decimal point stands."""

from decimal import Decimal

from inventory.element import Element
from inventory.errors import CodeError

_MEASURES = ("31", "32", "33", "34", "35", "36")
_AMOUNTS = ("390", "392", "394", "395")
_AMOUNTS_WITH_CURRENCY = ("391", "393")
_CURRENCY_DIGITS = 3


def decimal_value(element: Element) -> Decimal:
    """The number that an element of 31nn to 36nn or 390n to 395n holds, in the unit that its AI stands for.

    Raises:
        CodeError: another AI, or not digits (`content`).
    """
    digits = element.value
    if element.ai.startswith(_AMOUNTS_WITH_CURRENCY):
        digits = digits[_CURRENCY_DIGITS:]
    elif not element.ai.startswith(_MEASURES + _AMOUNTS):
        raise CodeError("content", f"{element} is no measure and no amount")
    if len(element.ai) != 4 or not (digits.isascii() and digits.isdecimal()):  # noqa: PLR2004 - such as 3103
        raise CodeError("content", f"{element}: expected digits behind an AI of four")
    return Decimal(digits).scaleb(-int(element.ai[3]))
