"""Between which limits charts, wall and reports show a place's temperatures: the narrowest of the rules in force."""

from gateway.cold_chain.rule_book import RuleBook


def shown_limits(
    book: RuleBook, place_id: str, storage_class: str | None, low_celsius: float | None, high_celsius: float | None
) -> tuple[float | None, float | None]:
    """(lower, upper): its own limits, or those of its storage class as this hospital judges it; None: there is none."""
    rules = [
        rule
        for rule in book.place_rules(place_id, storage_class, low_celsius, high_celsius, 0)
        if rule.quantity == "temperature_celsius"
    ]
    return (
        max((rule.threshold for rule in rules if rule.side == "low"), default=None),
        min((rule.threshold for rule in rules if rule.side == "high"), default=None),
    )
