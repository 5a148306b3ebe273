"""Which products are proposed to be counted: special control, the dear ones, the longest uncounted, those in doubt."""

from datetime import date, timedelta
from decimal import Decimal

from gateway.stock.cycle_counts import StockToCount, ranked

TODAY = date(2026, 11, 22)


def stock(name: str, value: int, days: int | None, *, control: str = "none", cases: int = 0) -> StockToCount:
    """A product that was counted so many days ago."""
    return StockToCount(
        product_id=name,
        name_vi=name,
        name_en=name,
        control_class=control,
        lots=1,
        value_vnd=Decimal(value),
        counted_on=None if days is None else TODAY - timedelta(days=days),
        open_cases=cases,
    )


def test_the_dearest_are_due_after_90_days_and_the_cheapest_after_a_year() -> None:
    found = {
        one.stock.product_id: one
        for one in ranked([stock("A", 800, 100), stock("B", 150, 100), stock("C", 50, 100)], TODAY)
    }
    assert {name: (one.count_class, one.is_due) for name, one in found.items()} == {
        "A": ("A", True),
        "B": ("B", False),
        "C": ("C", False),
    }


def test_what_was_never_counted_comes_first_and_special_control_before_all_equals() -> None:
    found = ranked([stock("dear", 900, None), stock("MOR", 1, None, control="narcotic"), stock("old", 99, 400)], TODAY)
    assert [one.stock.product_id for one in found] == ["MOR", "dear", "old"]


def test_an_open_case_makes_a_product_due_at_once() -> None:
    found = ranked([stock("sure", 500, 10), stock("doubt", 500, 1, cases=2)], TODAY)
    assert [(one.stock.product_id, one.is_due) for one in found] == [("doubt", True), ("sure", False)]


def test_without_any_cost_everything_is_cheap() -> None:
    assert {one.count_class for one in ranked([stock("X", 0, None), stock("Y", 0, None)], TODAY)} == {"C"}
