"""`medtap bench query --stock`: the books that it makes prove right, and it times every page on them."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from gateway.api.app import create_app
from gateway.people.people import People
from gateway.services.app_services import AppServices
from medtap.bench.stock_asking import NoFeed, Settings
from medtap.bench.stock_plan import Size, moves_of, plan_lots
from medtap.bench.stock_routes import CASES, ReadRoute, read_routes, unknown_parameters
from medtap.cli.bench import app as bench
from medtap.services.postgres import EmbeddedPostgres

SMALL = Size(products=8, lots=16, packs=60, movements=2000)
UNTIL = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.integration
def test_a_small_warehouse_is_filled_proven_and_every_page_of_it_timed(postgres_server: EmbeddedPostgres) -> None:
    dsn = postgres_server.create_database()
    options = ["--stock", "--movements", "6000", "--runs", "5", "--dsn", dsn, "--json"]
    told = CliRunner().invoke(bench, ["query", *options])
    assert told.exit_code == 0, told.output
    figures = json.loads(told.stdout)
    assert figures["movements"] >= 6000, "the work in hand has movements of its own"
    assert figures["rows"] == 3 * figures["movements"] == 1.5 * figures["postings"]
    assert 0 < figures["day_sums"] <= figures["postings"]
    reads = {read["name"]: read for read in figures["reads"]}
    assert len(reads) == len(figures["reads"]) > 100
    assert {"page: /stock", "page: /work/receive", "page: /work/cases/{number}"} <= set(reads)
    assert [act["name"] for act in figures["acts"]][:2] == ["act: scan looked up", "act: issue asked for"]
    assert all(0 < one["p50_ms"] <= one["p95_ms"] for one in [*figures["reads"], *figures["acts"]])
    # Pages whose cases are written down are asked for as they can be; a new one may still need its own.
    assert not [name for name in figures["refused"] if name.split()[1] in CASES], figures["refused"]
    assert set(figures["over_limit"]) == {name for name, read in reads.items() if read["p95_ms"] > 300}
    # What an earlier run has filled is taken up, and another size is refused.
    again = CliRunner().invoke(bench, ["query", "--stock", "--movements", "3000", "--dsn", dsn])
    assert again.exit_code == 1
    assert "filled with 6000 movements" in again.output


def test_a_new_page_of_the_warehouse_is_timed_or_the_bench_says_what_it_asks_for() -> None:
    # The application's routes need no database to be listed.
    services = AppServices(
        pool=cast("Any", None),
        config=Settings(),
        clock=lambda: UNTIL,
        live=NoFeed(),
        people=People(None, lambda: UNTIL),
    )
    routes = read_routes(create_app(services))
    assert unknown_parameters(routes) == [], "say in medtap/bench/stock_world.py what stands for it"
    paths = {route.path for route in routes}
    assert {"/stock", "/catalogue", "/work", "/pharmacy", "/api/v1/stock/at"} <= paths
    # What is not the warehouse's: the desk, the thermometers, the administrator's pages, streams.
    assert not paths & {"/desk", "/on-call", "/admin", "/sign-in", "/live/pharmacy", "/api/v1/alarms"}
    # A page that nobody told the bench of.
    assert unknown_parameters([ReadRoute("/work/trolleys/{trolley_id}", ("trolley_id",))]) == [
        "page: /work/trolleys/{trolley_id}: trolley_id"
    ]


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
