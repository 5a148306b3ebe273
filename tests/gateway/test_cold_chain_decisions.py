"""After an excursion: what two people decide, rules that are changed, reports of loggers. Real PostgreSQL."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.cold_chain import assessment, logger_import, rule_changes, thermal_history
from gateway.cold_chain.logger_import import NewReport, ReportLine
from gateway.cold_chain.rule_book import watches
from gateway.cold_chain.rule_changes import Scope
from gateway.db.rollups import refresh_dirty
from gateway.errors import SiteFileError
from gateway.services.site_file import import_site, parse_site
from gateway.stock import receiving, transfers
from gateway.stock.acts import ActLine, Actor
from gateway.stock.errors import DocumentStateError, SecondPersonError, WorkRefusedError
from inventory.cold_chain.rule import Rule
from tests.gateway.ingest_kit import NOW, ZONE, Database, Node, readings_from
from tests.gateway.warehouse_kit import EXPIRY, PARA, PARA_BOX, Warehouse, doing, goods, line
from tests.inventory.published_vectors import find_vectors

pytestmark = pytest.mark.integration

FRIDGE = "place:fridge-1"
START = NOW - timedelta(hours=2)


@pytest.fixture
def warehouse(database: Database) -> Iterator[Warehouse]:
    warehouse = Warehouse(database.dsn)
    database.run("UPDATE product SET storage_class = 'refrigerator' WHERE product_id = %s", PARA)
    yield warehouse
    warehouse.connection.close()


def warm(database: Database, node: Node) -> uuid.UUID:
    """Eight minutes at nine degrees; it alarms after one."""
    database.take(node.readings(*readings_from(START, [5.0, *[9.0] * 8, 5.0], every_s=60)))
    return uuid.UUID(str(database.value("SELECT excursion_id FROM excursion")))


def receive(warehouse: Warehouse, quantity: int, lot: str = "L1", serial: str | None = None) -> None:
    by = doing(at=START - timedelta(minutes=10))
    what = line("receive", goods(quantity, lot=lot, serial=serial), "supplier", FRIDGE)
    assert warehouse.book(what, by=by) == "created"


def test_two_people_decide_of_each_thing_what_becomes_of_it(database: Database, warehouse: Warehouse) -> None:
    receive(warehouse, 30)
    receive(warehouse, 100, serial="S1")
    receive(warehouse, 40, lot="L2")
    excursion_id = warm(database, Node())
    with database.pool.connection() as connection:
        held = assessment.held_lines(connection, excursion_id, NOW)
        assert [(each.lot, each.quantity, each.figures.minutes_above) for each in held] == [
            ("L1", 130, 8),
            ("L2", 40, 8),
        ]
        # Before the first reading nobody measured: 10 minutes; and since the last.
        assert {(each.advice, each.ground) for each in held} == {("ask_maker", "no_budget")}
        chosen: dict[uuid.UUID, assessment.Decision] = {held[0].hold_id: "destroy", held[1].hold_id: "release"}
        one = uuid.uuid4()
        how: dict[str, Any] = {"person": "lan", "now": NOW, "zone": ZONE}
        with pytest.raises(WorkRefusedError, match="not said"):
            assessment.propose(connection, one, excursion_id, chosen, reason=" ", **how)
        proposed = assessment.propose(connection, one, excursion_id, chosen, reason="hỏi nhà sản xuất", **how)
        again = assessment.propose(connection, one, excursion_id, chosen, reason="khác", **how)
        assert (proposed.state, again) == ("waiting_second", proposed)
        with pytest.raises(WorkRefusedError, match="nothing that is still held"):
            assessment.propose(connection, uuid.uuid4(), excursion_id, chosen, reason="nữa", **how)
    with database.pool.connection() as connection, pytest.raises(SecondPersonError):
        assessment.confirm(connection, one, "lan", NOW, ZONE)
    with database.pool.connection() as connection:
        done = assessment.confirm(connection, one, "minh", NOW, ZONE)
        assert assessment.confirm(connection, one, "minh", NOW, ZONE) == done
        assert assessment.held_lines(connection, excursion_id, NOW) == []
    assert database.rows("SELECT lot, sum(quantity)::int FROM movement WHERE kind = 'waste' GROUP BY lot") == [
        ("L1", 130)
    ]
    assert database.value("SELECT account_id FROM pack WHERE serial_number = 'S1'") == "wasted"
    assert database.rows("SELECT DISTINCT released_by, released_second FROM stock_hold") == [("lan", "minh")]
    warehouse.issue(goods(1, lot="L2"), FRIDGE)
    with database.pool.connection() as connection, pytest.raises(DocumentStateError):
        assessment.cancel(connection, one, NOW)


def test_a_proposal_that_is_taken_back_leaves_everything_held(database: Database, warehouse: Warehouse) -> None:
    receive(warehouse, 30)
    excursion_id = warm(database, Node())
    one = uuid.uuid4()
    with database.pool.connection() as connection:
        (held,) = assessment.held_lines(connection, excursion_id, NOW)
        chosen: dict[uuid.UUID, assessment.Decision] = {held.hold_id: "destroy"}
        how: dict[str, Any] = {"person": "lan", "now": NOW, "zone": ZONE}
        assessment.propose(connection, one, excursion_id, chosen, reason="nhầm", **how)
        cancelled = assessment.cancel(connection, one, NOW)
        assert cancelled.state == "cancelled"
        (still,) = assessment.held_lines(connection, excursion_id, NOW)
    assert (still.quantity, still.is_asked) == (30, False)
    assert database.value("SELECT count(*) FROM stock_reservation WHERE state = 'pending'") == 0


def test_a_rule_is_tried_on_the_last_days_changed_and_switched_off_while_it_fires(
    database: Database, warehouse: Warehouse
) -> None:
    del warehouse
    node = Node()
    database.take(node.readings(*readings_from(START, [5.0, *[9.0] * 8], every_s=60)))
    scope = Scope(place_id="fridge-1")
    looser = Rule("temperature_high", "high", 8.5, inclusive=False, mode="consecutive", minutes=5)
    with database.pool.connection() as connection:
        refresh_dirty(connection)
        (tried,) = rule_changes.preview(connection, scope, looser, NOW)
        assert (tried.place_id, tried.outside, tried.alarms, tried.minutes_outside) == ("fridge-1", 1, 1, 7)
        assert (tried.lines[0].triggered_at, tried.lines[0].is_certain) == (START + timedelta(minutes=6), True)
        how: dict[str, Any] = {"by_whom": "ha", "now": NOW}
        with pytest.raises(WorkRefusedError, match="of a storage class or of a place"):
            rule_changes.change_rule(connection, Scope(), "x", "off", None, why="y", **how)
        rule_changes.change_rule(connection, scope, "temperature_high", "set", looser, why="tủ mới", **how)
    database.take(node.readings(*readings_from(START + timedelta(minutes=9), [9.0], every_s=60)))
    assert database.rows("SELECT rule->>'threshold', ended_at FROM excursion") == [("8.5", None)]
    assert database.rows("SELECT reason, before->'rule'->>'threshold' FROM excursion_change ORDER BY changed_at") == [
        ("rule_changed", "8.0"),
        ("rule_changed", "8.0"),
    ]
    assert database.rows("SELECT returned_at IS NULL FROM alarm") == [(True,)]
    with database.pool.connection() as connection:
        rule_changes.change_rule(connection, scope, "temperature_high", "off", None, why="hỏng", **how)
        history = rule_changes.changes(connection)
    assert [(each.why, each.after is not None) for each in history] == [("hỏng", True), ("tủ mới", True)]
    assert database.rows("SELECT returned_at IS NULL, end_reason FROM alarm") == [(False, "rule_changed")]
    database.take(node.readings(*readings_from(START + timedelta(minutes=10), [9.0], every_s=60)))
    assert database.value("SELECT count(*) FROM excursion WHERE ended_at IS NULL") == 0
    with pytest.raises(Exception, match="only added to"):
        database.run("DELETE FROM cold_rule_change")


def bring(database: Database, raw: bytes, name: str = "logger.txt", **where: Any) -> ReportLine:  # noqa: ANN401 - of NewReport
    with database.pool.connection() as connection:
        target = where or {"place_id": "fridge-1"}
        return logger_import.import_report(connection, NewReport(uuid.uuid4(), name, raw, "lan", ZONE, **target), NOW)


def test_a_report_that_was_cut_edited_or_signed_by_another_key_is_kept_and_does_not_count(database: Database) -> None:
    raw = (find_vectors("berlinger") / "qtag_clm_RCPJ00010_02_202211090128.txt").read_bytes()
    other = (find_vectors("berlinger") / "fridgetag2_130400191542_202302140605.txt").read_bytes()
    whole = bring(database, raw)
    assert (whole.outcome, whole.readings > 100, whole.serial_number) == ("counts", True, "RCPJ00010")
    assert whole.signature["state"] == "intact"
    assert len(whole.said["alarms"]) >= 4
    assert bring(database, raw).report_id == whole.report_id, "brought twice it is one"
    assert bring(database, raw[: len(raw) // 2]).outcome == "cut_off"
    assert bring(database, raw.replace(b"Fw Vers: 4.7", b"Fw Vers: 4.8")).outcome == "altered"
    assert bring(database, b"Device: nothing").outcome == "cut_off"
    assert bring(database, b"\xff\xfe\x00").outcome == "unreadable"
    database.run(
        "UPDATE logger_report SET signature = '{\"public_key\": \"00\"}', serial_number = '130400191542'"
        " WHERE report_id = %s",
        whole.report_id,
    )
    assert bring(database, other).outcome == "other_key"
    future = f"time,temperature_celsius\n{(NOW + timedelta(days=9)).isoformat()},5.0\n"
    found = bring(database, future.encode(), "a.csv")
    assert (found.outcome, "clock is wrong" in found.problems[0]) == ("unreadable", True)
    cut = f"time,temperature_celsius\n{NOW.isoformat()},5.0\n{NOW.isoformat()}"
    assert bring(database, cut.encode(), "a.csv").outcome == "unreadable"
    assert database.value("SELECT count(*) FROM logger_report") == 8
    assert database.value("SELECT count(DISTINCT report_id) FROM logger_reading") == 1
    with pytest.raises(WorkRefusedError):
        bring(database, b"x", document_id=uuid.uuid4())


def csv_of(first: datetime, minutes: int, celsius: float) -> bytes:
    rows = (f"{(first + timedelta(minutes=each)).isoformat()},{celsius}" for each in range(0, minutes + 1, 5))
    return ("time,temperature_celsius\n" + "\n".join(rows) + "\n").encode()


def test_a_logger_that_travelled_along_says_what_nobody_knew(database: Database, warehouse: Warehouse) -> None:
    receipt, transfer = uuid.uuid4(), uuid.uuid4()
    came, sent, arrived = (NOW - timedelta(minutes=minutes) for minutes in (300, 200, 140))
    box = ActLine(PARA, 100, "L1", EXPIRY, PARA_BOX, "S1")
    with database.pool.connection() as connection:
        receiving.receive(
            connection, receiving.Receipt(receipt, "store", (box,), "VNVC"), Actor("lan", came, came, "web", ZONE)
        )
        transfers.send(
            connection, transfers.Sending(transfer, "store", "ward", (box,)), Actor("lan", sent, sent, "web", ZONE)
        )
        transfers.arrive(
            connection,
            transfers.Arrival(uuid.uuid4(), transfer, (box,), is_complete=True),
            Actor("minh", arrived, arrived, "web", ZONE),
        )
    del warehouse

    def legs() -> list[tuple[str, str, float, float]]:
        with database.pool.connection() as connection:
            found = thermal_history.of_pack(connection, PARA_BOX, "S1", NOW)
        assert found is not None
        return [
            (leg.account_id, leg.source, leg.figures.minutes_above, leg.figures.minutes_unknown) for leg in found.legs
        ]

    assert legs() == [
        ("place:store", "nothing", 0, 100),
        ("in_transit", "nothing", 0, 60),
        ("place:ward", "nothing", 0, 140),
    ]
    assert (
        bring(database, csv_of(came - timedelta(minutes=120), 125, 9.0), "xe.csv", document_id=receipt).outcome
        == "counts"
    )
    bring(database, csv_of(sent - timedelta(minutes=5), 40, 5.0), "thung.csv", document_id=transfer)
    assert legs() == [
        ("supplier", "logger", 120, 0),
        ("place:store", "nothing", 0, 100),
        ("in_transit", "logger", 0, 25),
        ("place:ward", "nothing", 0, 140),
    ]


def test_a_site_file_brings_rules_of_classes_and_places_once(database: Database) -> None:
    rule = {"name": "> 8 C 10 h", "side": "high", "threshold_celsius": 8.0, "minutes": 120, "source": "Sở Y tế"}
    site = {"cold_rules": [{**rule, "storage_class": "refrigerator"}, {**rule, "place_id": "fridge-1"}]}
    for _ in range(2):
        with database.pool.connection() as connection:
            import_site(connection, parse_site(site))
    assert database.value("SELECT count(*) FROM cold_rule_change WHERE by_whom = 'site file'") == 2
    with database.pool.connection() as connection:
        named = {watch.rule.name: watch.rule.minutes for watch in watches(connection)}
    assert named["> 8 C 10 h"] == 120
    for wrong in ({**rule}, {**rule, "place_id": "nowhere"}, {**rule, "storage_class": "room", "minutes": -1}):
        with database.pool.connection() as connection, pytest.raises(SiteFileError):
            import_site(connection, parse_site({"cold_rules": [wrong]}))
