"""Which Application Identifiers need or exclude each other: GS1 Barcode Syntax Dictionary, attributes req= and ex=.

Facts of the dictionary (github.com/gs1/gs1-syntax-dictionary, Apache-2.0), retyped. A pattern's `n` stands for any
digit; `01+21` means both; each inner tuple of `required` holds alternatives, and every tuple must be satisfied.
Not here, because nothing in a hospital depends on it: coupon rules, and the newborn and birth data 7250 to 7259.
"""

from dataclasses import dataclass
from functools import cache

_GTIN_LIKE = ("01", "02", "03", "8006", "8026")
_MEASURED = ("30", "31nn", "32nn", "35nn", "36nn")


@dataclass(frozen=True)
class Rule:
    """What one family of AIs asks for."""

    required: tuple[tuple[str, ...], ...] = ()
    excluded: tuple[str, ...] = ()


_LOGISTIC = ("00",)
_TRADE_MEASURES = tuple(
    f"{first}{digit}n"
    for first, digits in (("31", "0123456"), ("32", "0123456789"), ("35", "01267"), ("36", "01456"))
    for digit in digits
)
_LOGISTIC_MEASURES = tuple(
    f"{first}{digit}n"
    for first, digits in (("33", "0123456"), ("34", "0123456789"), ("35", "345"), ("36", "23789"))
    for digit in digits
)
_RULES: dict[str, Rule] = {
    "01": Rule(excluded=("02", "255", "37")),
    "02": Rule(required=(("37",),), excluded=("01", "03")),
    **dict.fromkeys(("10", "11", "13", "15", "16", "20", "240", "241", "242", "422", "7001"), Rule((_GTIN_LIKE,))),
    "12": Rule((("8020",),)),
    "17": Rule(((*_GTIN_LIKE, "255"),)),
    "21": Rule((("01", "03", "8006"),), ("235",)),
    **dict.fromkeys(("22", "235", "243", "71n", "8001", "8200"), Rule((("01",),))),
    "250": Rule((("01+21", "03+21", "8006+21"),)),
    **dict.fromkeys(("251", "7021", "7240", "8012"), Rule((("01", "03", "8006"),))),
    "254": Rule((("414",),)),
    "255": Rule(excluded=("01", "02", "415", "8006", "8020", "8026")),
    **dict.fromkeys(("30", "7002", "7003", "7005", "7006", "7007", "7008"), Rule((("01", "02", "03"),))),
    **dict.fromkeys(("7009", "7010", "7011", "703n", "8005", "8008", "426"), Rule((("01", "02", "03"),))),
    # A measure may be given once, with one number of decimals: 310n excludes the rest of 310n.
    **{family: Rule((("01", "02"),), (family,)) for family in _TRADE_MEASURES},
    **{family: Rule((("00", "01"),), (family,)) for family in _LOGISTIC_MEASURES},
    "337n": Rule((("01",),), ("337n",)),
    "37": Rule((("00+02", "00+8026"),)),
    "390n": Rule((("255", "8020"),), ("390n", "391n", "394n", "8111")),
    "391n": Rule((("8020",),), ("391n",)),
    "392n": Rule((("01",), _MEASURED), ("392n", "393n")),
    "393n": Rule((_MEASURED,), ("393n",)),
    "394n": Rule((("255",),), ("394n", "8111")),
    "395n": Rule((_MEASURED,), ("392n", "393n", "395n", "8005")),
    "415": Rule((("8020",),)),
    "420": Rule(excluded=("421",)),
    "421": Rule(excluded=("4307",)),
    **dict.fromkeys(("423", "424", "425"), Rule((("01", "02"),), ("426",))),
    "427": Rule((("01", "02"), ("422",))),
    **dict.fromkeys(("403", "430n", "431n", "432n"), Rule((_LOGISTIC,))),
    "4303": Rule((("4302",),)),
    "4313": Rule((("4312",),)),
    "4330": Rule((_LOGISTIC,), ("4331",)),
    "4331": Rule((_LOGISTIC,), ("4330",)),
    "4332": Rule((_LOGISTIC,), ("4333",)),
    "4333": Rule((_LOGISTIC,), ("4332",)),
    "7004": Rule((("01",), ("10",))),
    "7020": Rule((("01", "8006"), ("416",))),
    "7022": Rule((("7021",),)),
    "723n": Rule((("01", "8004"),)),
    **dict.fromkeys(("7241", "7242"), Rule((("8017", "8018"),))),
    "8006": Rule(excluded=("01", "03", "37")),
    **dict.fromkeys(("8007", "8020"), Rule((("415",),))),
    "8009": Rule((("00", "01"),)),
    "8011": Rule((("8010",),)),
    "8017": Rule(excluded=("8018",)),
    "8019": Rule((("8017", "8018"),)),
    "8026": Rule((("37",),), ("02", "8006")),
    "8030": Rule((("00", "01+21", "253", "255", "8003", "8004", "8006+21", "8010+8011", "8017", "8018"),)),
    "8111": Rule((("255",),)),
}

IDENTIFICATION_KEYS = frozenset(
    {"00", "01", "02", "03", "253", "255", "401", "402", "414", "415", "417"}
    | {"8003", "8004", "8006", "8010", "8013", "8017", "8018", "8026"},
)
"""AIs that say what the other elements are about. A symbol without any is one of several symbols of a pack."""

SERIAL_STARTS_AT = {"253": 13, "255": 13, "8003": 14}
"""Keys whose serial number is part of them, and optional: a digital signature (8030) needs it."""


@cache
def rule_of(ai: str) -> Rule:
    """The rule of an AI; an empty one if the dictionary has none."""
    if ai in _RULES:
        return _RULES[ai]
    for wildcards in range(1, 3):
        pattern = ai[:-wildcards] + "n" * wildcards
        if pattern in _RULES:
            return _RULES[pattern]
    return Rule()


def matches(pattern: str, ai: str) -> bool:
    """Whether `ai` is one of those that `pattern` stands for."""
    return len(pattern) == len(ai) and all(wanted in ("n", got) for wanted, got in zip(pattern, ai, strict=True))
