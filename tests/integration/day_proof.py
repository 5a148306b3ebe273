"""The end of the day: papers, and the proof that the database's books are the plain ones."""

import json
from collections import Counter
from datetime import UTC, datetime

from tests.integration.day_kit import CEFTRIAXONE, FRIDGE, SHELF, STORE, TODAY, TOMORROW, VITAMIN, Day


def read_papers(day: Day) -> None:
    """Stock over time, store card, tables for Excel: all say what the plain book has of ceftriaxone in the store."""
    inside = sum(
        quantity
        for (account, product_id, _lot), quantity in day.book.items()
        if product_id == day.ceftriaxone and account in {STORE, SHELF, FRIDGE}
    )
    asked = {"product_id": day.ceftriaxone, "first": f"{TODAY}", "last": f"{TOMORROW}"}
    series = day.read("lan", "/stock/series", **asked, place_id="main-store")
    assert (series["opening"], series["closing"]) == (0, inside)
    now = day.read("lan", "/stock/at", moment=datetime.now(UTC).isoformat(), place_id="main-store")
    assert sum(one["quantity"] for one in now if one["product_id"] == day.ceftriaxone) == inside
    card = day.printed("lan", "/stock/files/store-card.pdf", **asked, place="main-store")
    assert all(text in card for text in ("THẺ KHO", "Ceftriaxon 1 g", day.lot(CEFTRIAXONE, 1), str(inside))), card
    table = day.people["lan"].get("/stock/files/store-card.csv", params={**asked, "place": "main-store"})
    assert table.content.startswith(b"\xef\xbb\xbf"), "Excel needs the mark to read Vietnamese letters"
    assert str(inside) in table.text.splitlines()[-1]
    assert VITAMIN in day.people["lan"].get("/stock/files/overview.csv").text


def prove(day: Day) -> None:
    """By the command, by the plain book of the day, and by a plain replay of the movements."""
    proof = day.medtap("stock", "verify", day.play.hospital.dsn, "--json")
    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert json.loads(proof.stdout) == {
        "ok": True,
        "movements": day.lines,
        **dict.fromkeys(("postings_sum", "projection_differences", "negative_balances", "untraceable"), 0),
        **dict.fromkeys(("misplaced_packs", "faults", "without_person", "day_sum_differences"), 0),
        "examples": [],
    }
    assert day.play.value("SELECT sum(quantity) FROM posting") == 0
    expected = {key: quantity for key, quantity in day.book.items() if quantity}
    balances = day.play.rows("SELECT account_id, product_id, lot, quantity FROM stock_balance WHERE quantity <> 0")
    assert {tuple(row[:3]): int(row[3]) for row in balances} == expected
    replayed: Counter[tuple[str, str, str]] = Counter()
    moved = "SELECT from_account_id, to_account_id, product_id, lot, quantity FROM movement"
    for source, target, product_id, lot, quantity in day.play.rows(moved):
        replayed[source, product_id, lot] -= quantity
        replayed[target, product_id, lot] += quantity
    assert {key: quantity for key, quantity in replayed.items() if quantity} == expected
