"""The rules that medtap ships, each with where its figures come from; a hospital may write its own (`rules_file`)."""

from dataclasses import dataclass

from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.rule import Mode, Quantity, Rule, Severity, Side

_PQS_30DTR = "30-day temperature recorder class of WHO PQS E006/TR06 as its makers state it; the WHO text was not seen"
_PQS_SHIPPING = "WHO/PQS/E006/TR07 as quoted in the LogTag USRID-16W manual, p. 10, and the Q-tag 2 plus guide"
_STORE_RANGE = "WHO TRS 992 annex 5 supplement 8 (typical ranges); the time is this product's choice"
_PHARMACOPOEIA = (
    "Vietnamese Pharmacopoeia V and WHO TRS 961 annex 9 storage conditions; the time is this product's choice"
)
_HUMIDITY = "WHO TRS 961 annex 9 ('dry': not above 60 % relative humidity); the time is this product's choice"


@dataclass(frozen=True)
class Profile:
    """Rules under one name."""

    name: str
    title_vi: str
    title_en: str
    rules: tuple[Rule, ...]


def _rule(
    side: Side,
    threshold: float,
    hours: float,
    source: str,
    *,
    inclusive: bool,
    mode: Mode = "consecutive",
    severity: Severity = "critical",
    quantity: Quantity = "temperature_celsius",
) -> Rule:
    unit = "C" if quantity == "temperature_celsius" else "%"
    comparison = {("high", True): ">=", ("high", False): ">", ("low", True): "<=", ("low", False): "<"}[side, inclusive]
    run = "" if mode == "consecutive" else " in all"
    time = f"{hours:g} h" if hours >= 1 else f"{hours * 60:g} min"
    name = f"{comparison} {threshold:g} {unit} {time}{run}"
    return Rule(name, side, threshold, inclusive, mode, hours * 60, 0.0, severity, source, quantity)


PROFILES: tuple[Profile, ...] = (
    Profile(
        "refrigerator",
        "Tủ lạnh vắc-xin 2-8 °C",
        "Vaccine refrigerator 2-8 °C",
        (
            _rule("high", 8.0, 10, _PQS_30DTR, inclusive=False),
            _rule("low", -0.5, 1, _PQS_30DTR, inclusive=True),
        ),
    ),
    Profile(
        "freezer",
        "Tủ đông -25 đến -15 °C",
        "Freezer -25 to -15 °C",
        (
            _rule("high", -15.0, 1, "WHO vaccine freezer range -25 to -15 °C; time: this product's", inclusive=False),
            _rule("low", -50.0, 1, "below every freezer's range: a sensor or a dry-ice fault", inclusive=False),
        ),
    ),
    Profile(
        "cool",
        "Nơi mát 8-15 °C",
        "Cool place 8-15 °C",
        (
            _rule("high", 15.0, 1, _PHARMACOPOEIA, inclusive=False),
            _rule("low", 8.0, 1, _PHARMACOPOEIA, inclusive=False),
        ),
    ),
    Profile(
        "room-25",
        "Nhiệt độ phòng 15-25 °C",
        "Room temperature 15-25 °C",
        (
            _rule("high", 25.0, 1, _STORE_RANGE, inclusive=False),
            _rule("low", 15.0, 1, _STORE_RANGE, inclusive=False),
        ),
    ),
    Profile(
        "room-30",
        "Nhiệt độ phòng 15-30 °C",
        "Room temperature 15-30 °C",
        (
            _rule("high", 30.0, 1, _PHARMACOPOEIA, inclusive=False),
            _rule("low", 15.0, 1, _PHARMACOPOEIA, inclusive=False),
        ),
    ),
    Profile(
        "who-type-1",
        "Chỉ thị vận chuyển WHO loại 1",
        "WHO shipping indicator type 1",
        (
            _rule("high", 45.0, 1, _PQS_SHIPPING, inclusive=True),
            _rule("high", 30.0, 10, _PQS_SHIPPING, inclusive=True, mode="accumulated"),
            _rule("low", -0.5, 1, _PQS_SHIPPING, inclusive=True),
        ),
    ),
    Profile(
        "who-type-2",
        "Chỉ thị vận chuyển WHO loại 2",
        "WHO shipping indicator type 2",
        (
            _rule("high", 45.0, 1, _PQS_SHIPPING, inclusive=True),
            _rule("high", 30.0, 10, _PQS_SHIPPING, inclusive=True, mode="accumulated"),
            _rule("high", 10.0, 20, _PQS_SHIPPING, inclusive=True, mode="accumulated"),
        ),
    ),
    Profile(
        "humidity",
        "Độ ẩm kho khô ≤ 60 %",
        "Dry store, relative humidity up to 60 %",
        (
            _rule(
                "high",
                60.0,
                4,
                _HUMIDITY,
                inclusive=False,
                severity="warning",
                quantity="relative_humidity_percent",
            ),
        ),
    ),
)


def profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        ColdChainError: there is none; the message lists those there are.
    """
    for each in PROFILES:
        if each.name == name:
            return each
    raise ColdChainError(f"profile {name!r}: expected one of {', '.join(each.name for each in PROFILES)}")
