"""Several symbols of one pack: whether another one may still come decides if a missing key is wrong."""

from datetime import date

from inventory.join import join_scans
from inventory.scan import parse_scan

TODAY = date(2026, 11, 22)
LOT, EXPIRY, PRODUCT = (parse_scan(text, TODAY) for text in ("]C110L1", "]C117271231", "]E08935234567895"))


def test_parts_without_a_product_are_doubted_while_its_code_may_come_and_refused_when_it_can_not() -> None:
    waiting = join_scans([LOT, EXPIRY], TODAY, complete=False)
    assert waiting.valid
    assert waiting.has("key_missing")
    assert (waiting.lot, waiting.expiry_date) == ("L1", date(2027, 12, 31))
    assert not join_scans([LOT, EXPIRY], TODAY).valid


def test_the_code_that_names_the_product_completes_them() -> None:
    whole = join_scans([LOT, EXPIRY, PRODUCT], TODAY, complete=False)
    assert whole.valid
    assert not whole.has("key_missing")
    assert whole == join_scans([LOT, EXPIRY, PRODUCT], TODAY)
