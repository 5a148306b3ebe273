"""`medtap bench query --stock`: the books that it makes prove right, and it times every page on them."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from medtap.bench.stock_plan import Size, moves_of, plan_lots
from medtap.cli.bench import app
from medtap.services.postgres import EmbeddedPostgres

SMALL = Size(products=8, lots=16, packs=60, movements=2000)
UNTIL = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.integration
def test_a_small_warehouse_is_filled_proven_and_every_page_of_it_timed(postgres_server: EmbeddedPostgres) -> None:
    dsn = postgres_server.create_database()
    options = ["--stock", "--movements", "2000", "--runs", "5", "--dsn", dsn, "--json"]
    told = CliRunner().invoke(app, ["query", *options])
    assert told.exit_code == 0, told.output
    figures = json.loads(told.stdout)
    assert (figures["movements"], figures["postings"], figures["rows"]) == (2000, 4000, 6000)
    assert 0 < figures["day_sums"] <= 4000
    timed = {query["name"]: query for query in figures["queries"]}
    assert len(timed) == len(figures["queries"]) > 30
    assert all(0 < query["p50_ms"] <= query["p95_ms"] for query in timed.values())
    assert {"cpu_ms" in query for name, query in timed.items() if name.startswith("page: ")} == {True}
    # What an earlier run has filled is taken up, and another size is refused.
    again = CliRunner().invoke(app, ["query", "--stock", "--movements", "3000", "--dsn", dsn])
    assert again.exit_code == 1
    assert "filled with 2000 movements" in again.output


def test_the_plan_has_exactly_the_movements_asked_for_and_never_takes_what_is_not_there() -> None:
    begin = datetime(2024, 11, 22, tzinfo=UTC)
    count, serials = 0, set()
    for lot in plan_lots(SMALL, 1):
        moves = list(moves_of(lot, begin, UNTIL, 1))
        count += len(moves)
        serials |= {move.serial_number for move in moves if move.serial_number}
        there: Counter[tuple[str, str | None]] = Counter()
        for move in sorted(moves, key=lambda move: move.at):
            there[move.target, move.serial_number] += move.quantity
            there[move.source, move.serial_number] -= move.quantity
            assert move.source in {"supplier", "unexplained"} or there[move.source, move.serial_number] >= 0, move
            assert begin <= move.at <= UNTIL
    assert (count, len(serials)) == (SMALL.movements, SMALL.packs)
