"""What the value of each Application Identifier must be, beyond its length and characters.

Facts of the GS1 Barcode Syntax Dictionary's "linters", retyped; clause numbers are of the GS1 General Specifications.
Length and characters are biip's patterns, checked in `element_string`.
"""

from collections.abc import Callable, Iterator
from datetime import date
from functools import cache

from inventory import check_digit, content_checks
from inventory.element import Element
from inventory.errors import CodeError
from inventory.gs1_date import parse_hhmm, parse_local_datetime, parse_yymmdd
from inventory.problem import Problem

Check = Callable[[str, date], None]
"""Raises CodeError on a wrong value; is given the day of reading for the century rule."""


def _csum(text: str, _today: date) -> None:
    check_digit.verify(text, "key")


def _yymmd0(text: str, today: date) -> None:
    parse_yymmdd(text, today, day_zero_allowed=True)


def _yymmdd(text: str, today: date) -> None:
    parse_yymmdd(text, today, day_zero_allowed=False)


def _hhmm(text: str, _today: date) -> None:
    parse_hhmm(text)


def _hhmm_or_none(text: str, _today: date) -> None:
    if text != "9999":  # "no time given" (3.8.16 and 3.8.17: delivery not before and not after)
        parse_hhmm(text)


def _moment(text: str, today: date) -> None:
    parse_local_datetime(text, today)


def _plain(check: Callable[[str], None]) -> Check:
    return lambda text, _today: check(text)


_ALL = slice(None)
_GTIN_PIECE: tuple[tuple[slice, Check], ...] = (
    (slice(0, 14), _csum),
    (slice(14, 18), _plain(content_checks.piece_of_total)),
)
# A check is made on the named slice of the value, if that slice is not empty (optional components).
_RULES: dict[str, tuple[tuple[slice, Check], ...]] = {
    **dict.fromkeys(("00", "01", "02", "03", "402", "8017", "8018"), ((_ALL, _csum),)),
    **dict.fromkeys(("410", "411", "412", "413", "414", "415", "416", "417"), ((_ALL, _csum),)),
    **dict.fromkeys(("253", "255"), ((slice(0, 13), _csum),)),
    **dict.fromkeys(("11", "12", "13", "15", "16", "17"), ((_ALL, _yymmd0),)),
    **dict.fromkeys(("4326", "7006"), ((_ALL, _yymmdd),)),
    **dict.fromkeys(("4324", "4325"), ((slice(0, 6), _yymmd0), (slice(6, 10), _hhmm_or_none))),
    **dict.fromkeys(("8006", "8026"), _GTIN_PIECE),
    **dict.fromkeys(("7003", "7011"), ((slice(0, 6), _yymmdd), (slice(6, 10), _hhmm))),
    "7007": ((slice(0, 6), _yymmdd), (slice(6, 12), _yymmdd)),
    "8008": ((_ALL, _moment),),
    **dict.fromkeys(("30", "37", "7004", "242"), ((_ALL, _plain(content_checks.any_digits)),)),
    "391n": ((slice(0, 3), _plain(content_checks.currency)),),
    "393n": ((slice(0, 3), _plain(content_checks.currency)),),
    "421": ((slice(0, 3), _plain(content_checks.country)),),
    **dict.fromkeys(("422", "424", "426"), ((_ALL, _plain(content_checks.country)),)),
    **dict.fromkeys(("423", "425"), ((_ALL, _plain(content_checks.countries)),)),
    **dict.fromkeys(("4307", "4317"), ((_ALL, _plain(content_checks.country_letters)),)),
    "4309": ((_ALL, _plain(content_checks.latitude_longitude)),),
    "703n": ((slice(0, 3), _plain(content_checks.country_or_any)),),
    "7040": ((slice(3, 4), _plain(content_checks.importer_index)),),
    "7241": ((_ALL, _plain(content_checks.media_type)),),
    "7250": ((_ALL, _plain(content_checks.full_date)),),
    "7251": ((slice(0, 8), _plain(content_checks.full_date)), (slice(8, 12), _hhmm)),
    "7252": ((_ALL, _plain(content_checks.biological_sex)),),
    "7258": ((_ALL, _plain(content_checks.position_in_sequence)),),
    "8001": ((_ALL, _plain(content_checks.roll_dimensions)),),
    "8003": ((slice(0, 1), _plain(content_checks.zero)), (slice(1, 14), _csum)),
    "8007": ((_ALL, _plain(content_checks.iban)),),
    "8011": ((_ALL, _plain(content_checks.no_zero_prefix)),),
    "8013": ((_ALL, _plain(content_checks.check_pair)),),
    "8014": ((_ALL, _plain(content_checks.check_pair)),),
    "8030": ((_ALL, _plain(content_checks.base64url)),),
}


@cache
def _checks_of(ai: str) -> tuple[tuple[slice, Check], ...]:
    return _RULES.get(ai) or _RULES.get(ai[:-1] + "n") or ()


def find_problems(element: Element, today: date) -> Iterator[Problem]:
    """Why the value of `element` is not one its AI can have; nothing if it is."""
    if not element.value:
        yield Problem("length", f"({element.ai}) has no value")
        return
    for part, check in _checks_of(element.ai):
        text = element.value[part]
        if not text:
            continue
        try:
            check(text, today)
        except CodeError as error:
            yield Problem(error.code, f"({element.ai}){element.value}: {error.message}")
