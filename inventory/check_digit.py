"""The GS1 check digit (GS1 General Specifications 7.9.1) of GTIN, SSCC, GLN, GSRN, GRAI, GDTI and GCN."""

from inventory.errors import CodeError


def check_digit(payload: str) -> int:
    """The check digit of `payload`: weights 3, 1, 3, ... from the right, the complement to ten.

    Raises:
        CodeError: not all ASCII digits (`character`).
    """
    require_digits(payload, "check digit payload")
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(payload)))
    return (10 - weighted % 10) % 10


def verify(value: str, name: str) -> None:
    """Check that the last digit of `value` is its check digit.

    Raises:
        CodeError: not all digits (`character`), empty (`length`) or another check digit (`check_digit`).
    """
    require_digits(value, name)
    if not value:
        raise CodeError("length", f"{name} is empty")
    expected = check_digit(value[:-1])
    if int(value[-1]) != expected:
        raise CodeError("check_digit", f"{name} {value!r}: check digit is {value[-1]}, expected {expected}")


def require_digits(value: str, name: str) -> None:
    """Check for ASCII digits only: `str.isdigit` alone would let in digits of other scripts.

    Raises:
        CodeError: another character (`character`).
    """
    for position, character in enumerate(value):
        if not "0" <= character <= "9":
            raise CodeError("character", f"{name} {value!r}: {character!r} at position {position + 1} is not a digit")
