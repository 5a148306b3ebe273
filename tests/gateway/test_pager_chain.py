"""Who is paged, when, by which way, until somebody answers: stories with a clock that the test moves."""

from datetime import datetime, timedelta, timezone

import pytest

from gateway.alarms.conditions import Condition, raise_condition
from gateway.pager.answers import Answer, take_answer
from gateway.pager.escalation import pass_on
from gateway.pager.people import set_quiet_hours
from gateway.pager.receipts import opened, take_report
from gateway.pager.sms_pdu import StatusReport
from tests.gateway.ingest_kit import Database
from tests.gateway.pager_kit import PagerWorld

pytestmark = pytest.mark.integration


@pytest.fixture
def world(database: Database) -> PagerWorld:
    """A pager with people on call."""
    world = PagerWorld(database)
    world.crew()
    return world


def answer(world: PagerWorld, number: str, text: str, sent_at: datetime | None = None) -> str:
    """Somebody writes back; what came of it."""
    with world.database.pool.connection() as connection:
        heard = take_answer(connection, Answer("sms", number, text, sent_at or world.now), "+84", world.now)
    return heard.outcome if heard is not None else "again"


def test_nobody_answers_and_the_second_person_acknowledges_by_short_message(world: PagerWorld) -> None:
    incident = world.warm()
    number = world.number(incident)
    world.go(seconds=1)
    assert world.pages("an") == [("ntfy", "level:1")]
    text = world.channels["ntfy"].to("an")[0]
    assert text.startswith(f"#{number} Tủ vắc-xin 1: 9,4°C (>8) từ 11:50. Kiểm tra cửa và nguồn điện")
    assert f"ACK {number} <việc đã làm>" in text
    body = world.channels["ntfy"].taken[0].words.body
    assert body.index("Tủ vắc-xin 1, Kho chính, Bệnh viện Nhi: 9,4 °C, cao hơn giới hạn 8,0 °C") < body.index(
        "Vaccine fridge 1, Main store, Children's hospital: 9.4 °C, above the limit 8.0 °C"
    )
    world.go(minutes=6)
    assert world.pages("binh")[0] == ("sms", "level:2")
    assert world.pages("chi") == []
    # Too short, from nobody we know, about nothing we have: each is said, nothing is acknowledged.
    assert answer(world, "0901000002", f"ACK {number}") == "comment_missing"
    assert answer(world, "0999999999", f"ACK {number} xong") == "unknown_sender"
    assert answer(world, "0901000002", "ACK 1 xong") == "not_understood"
    assert answer(world, "0901000002", "cái gì vậy") == "not_understood"
    assert answer(world, "0901000002", "ACK 9999 xong") == "not_found"
    world.go(seconds=1)
    replies = [text for text in world.channels["sms"].to("+84901000002") if not text.startswith("#") or "CHƯA" in text]
    assert {text.partition(".")[0].partition(" Gửi lại")[0] for text in replies} == {
        f"#{number} CHƯA được xác nhận: thiếu ghi chú",
        "Không hiểu",
        "Không có sự cố #9999 đang mở",
    }
    at = world.now
    assert answer(world, "+84901000002", f"ack {number}: đã chuyển vắc-xin sang tủ 2", at) == "acknowledged"
    assert answer(world, "+84901000002", f"ack {number}: đã chuyển vắc-xin sang tủ 2", at) == "again"
    assert world.database.rows("SELECT acknowledged_by, acknowledged_channel, acknowledge_comment FROM incident") == [
        ("binh", "sms", "đã chuyển vắc-xin sang tủ 2")
    ]
    before = {name: len(channel.taken) for name, channel in world.channels.items()}
    world.go(minutes=2)
    assert world.channels["sms"].to("+84901000002")[-1].startswith(f"#{number}: đã xác nhận")
    assert len(world.channels["sms"].taken) == before["sms"] + 1
    assert world.database.value("SELECT end_reason FROM pager_run") == "acknowledged"
    assert world.pages("chi") == []


def test_without_any_answer_everyone_is_woken_and_woken_again(world: PagerWorld) -> None:
    world.warm()
    world.go(minutes=16)
    assert world.pages("chi")[0][1] == "level:3"
    assert ("mail", "everyone") in world.pages("dung")
    asked = len(world.pages("dung"))
    world.go(minutes=16)
    assert len(world.pages("dung")) > asked
    # The dead: one run, every step of it once for each person and channel.
    keys = world.database.column("SELECT dedupe_key FROM page WHERE dedupe_key IS NOT NULL")
    assert len(keys) == len(set(keys))


def test_a_dead_first_channel_gives_way_to_the_second_within_a_minute(world: PagerWorld) -> None:
    world.channels["ntfy"].broken = True
    world.warm()
    began = world.now
    world.go(seconds=20)
    assert world.pages("an") == [("sms", "second_channel")]
    assert world.database.value("SELECT delivered_at FROM page WHERE reason = 'second_channel'") - began < timedelta(
        seconds=60
    )
    # It is found dead, which is an incident of its own; its page goes to An's other channel at once.
    world.go(minutes=2)
    assert world.state("ntfy") == "dead"
    assert "kênh báo động hỏng" in world.channels["sms"].to("+84901000001")[-1]
    # Mended, and whoever is paged next hears of it there again.
    world.channels["ntfy"].broken = False
    world.go(minutes=2)
    assert world.state("ntfy") == "ok"
    assert world.database.value("SELECT returned_at IS NOT NULL FROM alarm WHERE subject = 'channel:ntfy'")


def test_a_channel_that_takes_everything_and_delivers_nothing_is_found(world: PagerWorld) -> None:
    """Bình's short messages are taken and never reported as delivered."""
    world.reports = False
    first = world.warm()
    world.go(minutes=6)
    assert world.pages("binh")[:2] == [("sms", "level:2"), ("mail", "second_channel")]
    assert world.state("sms") == "failing"
    world.acknowledge(first)
    world.warm("desk")
    world.go(minutes=7)
    assert world.state("sms") == "dead"
    assert world.database.value("SELECT detail FROM pager_channel WHERE channel = 'sms'") == "no_receipt"
    # Another friendly answer proves nothing; a delivery report does.
    world.go(minutes=1)
    assert world.state("sms") == "dead"


def test_a_delivery_report_or_an_opened_link_ends_the_doubt(world: PagerWorld) -> None:
    world.reports = False
    world.warm()
    world.go(minutes=5)
    row = world.database.rows("SELECT channel_message_id, address FROM page WHERE username = 'binh'")[0]
    with world.database.pool.connection() as connection:
        assert take_report(connection, "sms", StatusReport(int(row[0]), row[1], 0), world.now)
        assert take_report(connection, "sms", StatusReport(250, row[1], 0), world.now) is None
    world.go(minutes=2)
    assert world.pages("binh") == [("sms", "level:2")]
    token = world.database.value("SELECT receipt_token FROM page WHERE username = 'an' ORDER BY created_at LIMIT 1")
    assert f"?r={token}" in world.channels["ntfy"].taken[0].words.body
    with world.database.pool.connection() as connection:
        assert opened(connection, token, world.now)
        assert not opened(connection, "f" * 32, world.now)


def test_a_hole_in_the_schedule_goes_to_the_next_level_and_an_empty_one_to_everyone(database: Database) -> None:
    world = PagerWorld(database)
    world.person("binh", ("mail", "binh@bv.test"))
    world.person("chi", ("mail", "chi@bv.test"))
    world.person("kho", ("mail", "kho@bv.test"), roles=["pharmacist"])
    world.layer(2, "binh")
    world.warm()
    world.go(seconds=5)
    assert world.pages("binh") == [("mail", "fallback")]
    world.database.run("UPDATE rota_layer SET removed_at = now()")
    world.acknowledge(world.database.value("SELECT incident_id FROM incident"))
    world.warm("desk")
    world.go(seconds=5)
    assert world.pages("chi") == [("mail", "fallback")]
    assert world.pages("kho") == []
    # Who is on call and has no way to be reached is a hole too.
    world.person("em")
    world.layer(1, "em")
    world.acknowledge(world.database.value("SELECT incident_id FROM incident WHERE place_id = 'desk'"))
    world.warm("ward")
    world.go(seconds=5)
    assert world.pages("chi")[-1] == ("mail", "fallback")


def test_three_hundred_incidents_at_once_are_three_pages_and_a_summary(world: PagerWorld) -> None:
    world.database.run(
        "INSERT INTO place (place_id, kind, name_vi, name_en) SELECT 'f' || n, 'fridge', 'Tủ ' || n, 'Fridge ' || n"
        " FROM generate_series(1, 300) n"
    )
    world.warm_all([f"f{index}" for index in range(1, 301)], warnings=10)
    began = world.now
    world.go(seconds=1)
    sent = world.channels["ntfy"].to("an")
    assert 3 <= len(sent) <= 4
    first_critical = world.database.value(
        "SELECT min(delivered_at) FROM page WHERE username = 'an' AND severity = 'critical' AND kind = 'alarm'"
    )
    assert first_critical - began < timedelta(seconds=2)
    world.go(seconds=60)
    sent = world.channels["ntfy"].to("an")
    assert len(sent) == 4
    assert sent[-1].startswith("297 sự cố: #")
    assert sent[-1].endswith("nơi khác. Nhận tất cả: ACK ALL <việc đã làm>")
    # Programs get each of them.
    assert len(world.log.taken) == 300
    assert answer(world, "0901000001", "ACK ALL mất điện toàn khu, đã gọi điện lực") == "acknowledged"
    assert world.database.value("SELECT count(*) FROM incident WHERE acknowledged_at IS NULL") == 0
    world.go(minutes=6)
    assert world.pages("binh") == []


def test_a_restart_in_the_middle_loses_nothing_and_pages_nobody_twice(world: PagerWorld) -> None:
    world.warm()
    world.rounds.go()
    world.restart()  # after the chain's step, before any delivery
    world.go(seconds=20)
    world.restart()
    world.go(minutes=4)
    assert world.pages("an") == [("ntfy", "level:1")]
    world.restart()
    world.go(minutes=2)
    assert [page[1] for page in world.pages("binh")][:1] == ["level:2"]
    assert world.database.value("SELECT count(*) FROM page WHERE username = 'binh' AND reason = 'level:2'") == 1


def test_a_warning_waits_for_the_end_of_quiet_hours_and_a_critical_page_never_does(database: Database) -> None:
    night = datetime(2026, 11, 22, 23, 0, tzinfo=timezone(timedelta(hours=7)))
    world = PagerWorld(database, now=night)
    world.person("an", ("mail", "an@bv.test"))
    world.layer(1, "an")
    with database.pool.connection() as connection:
        set_quiet_hours(connection, "an", (night.time().replace(hour=22), night.time().replace(hour=6)))
    world.warm("desk", severity="warning")
    world.go(minutes=30)
    assert world.pages("an") == []
    world.warm()
    world.go(seconds=5)
    assert world.pages("an") == [("mail", "level:1")]
    world.now = night + timedelta(hours=7, minutes=1)
    world.go(seconds=1)
    assert any("Quầy 1" in text for text in world.channels["mail"].to("an@bv.test"))


def test_what_can_not_be_understood_wakes_everyone_and_holds_up_nobody(world: PagerWorld) -> None:
    """A schedule that means nothing, facts that no sentence can be made of: somebody put them there by hand."""
    world.database.run("UPDATE rota_layer SET weekdays = '{9}'")
    incident = world.warm()
    condition = Condition("external", "alertmanager:x/1", None, None, "critical", world.now, world.now, {})
    with world.database.pool.connection() as connection:
        raise_condition(connection, condition, world.now)
    world.database.run("UPDATE alarm SET facts = '[]' WHERE condition = 'external'")
    world.go(seconds=1)
    assert world.pages("an")[0] == ("ntfy", "fallback")
    assert world.pages("chi")[0] == ("sms", "fallback")
    texts = world.channels["ntfy"].to("an")
    assert sorted(text[:10] for text in texts) == sorted([f"#{world.number(incident)} Tủ v", "Báo động: "])


@pytest.mark.parametrize(
    "name", ["Tủ", "Tủ bảo quản vắc-xin dịch vụ số 12 tầng 3 nhà B khu khám ngoại trú Bệnh viện Nhi " * 3]
)
def test_a_page_takes_two_short_messages_at_most_and_always_says_how_to_answer(world: PagerWorld, name: str) -> None:
    world.database.run("UPDATE place SET name_vi = %s WHERE place_id = 'desk'", name)
    number = world.number(world.warm("desk"))
    world.go(seconds=1)
    words = world.channels["ntfy"].taken[0].words
    assert words.segments <= 2
    assert f"ACK {number} <việc đã làm>" in words.short
    assert name.strip() in words.body


def test_a_low_battery_is_told_by_day_to_the_person_on_call_alone(database: Database) -> None:
    night = datetime(2026, 11, 22, 23, 0, tzinfo=timezone(timedelta(hours=7)))
    world = PagerWorld(database, now=night)
    world.crew()
    condition = Condition("battery_low", "device:7", "fridge-1", None, "warning", night, night, {"percent": 9})
    with database.pool.connection() as connection:
        raise_condition(connection, condition, night)
    world.go(minutes=30)
    assert world.pages("an") == []
    world.now = night + timedelta(hours=8)
    world.go(seconds=1)
    assert world.pages("an") == [("ntfy", "level:1")]
    assert "pin yếu" in world.channels["ntfy"].to("an")[0]
    world.now += timedelta(hours=9)
    world.go(seconds=1)
    assert world.pages("binh") == []


def test_what_returned_is_told_to_whoever_was_paged_and_wakes_nobody_else(world: PagerWorld) -> None:
    world.warm()
    world.go(minutes=1)
    world.cool()
    world.go(minutes=20)
    assert world.channels["ntfy"].to("an")[-1].endswith("<việc đã làm>.")
    assert "đã về bình thường lúc" in world.channels["ntfy"].to("an")[-1]
    assert world.pages("binh") == []
    assert world.log.taken[-1].message["state"] == "returned_to_normal_unacknowledged"


def test_the_next_person_is_called_when_somebody_asks_for_it(world: PagerWorld) -> None:
    incident = world.warm()
    world.go(seconds=10)
    assert answer(world, "0901000001", f"LEO {world.number(incident)}") == "passed_on"
    world.go(seconds=1)
    assert world.pages("binh") == [("sms", "level:2")]
    with world.database.pool.connection() as connection:
        assert pass_on(connection, incident, "an", channel="page", now=world.now)
    world.go(seconds=1)
    assert world.pages("chi") == [("sms", "level:3")]
    journal = world.database.rows(
        "SELECT by_whom, channel FROM incident_journal WHERE what = 'escalated' ORDER BY journal_id"
    )
    assert journal == [("an", "sms"), ("an", "page")]


def test_a_drill_is_marked_wakes_two_people_at_most_and_reaches_nobody_else(world: PagerWorld) -> None:
    world.warm(drill=True)
    world.go(minutes=22)
    assert world.channels["ntfy"].to("an")[0].startswith("[DIỄN TẬP] #")
    assert world.pages("binh")
    assert world.pages("chi") == world.pages("dung") == []
    assert world.log.taken[0].message["is_drill"]
