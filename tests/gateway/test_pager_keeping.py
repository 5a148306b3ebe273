"""The pager proves that it works: drills, probes, holes told before they come, a siren, a watcher elsewhere."""

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from firmware_sim.relay_board import RelayBoard
from firmware_sim.sms_modem import SmsModem
from gateway.errors import ConfigError
from gateway.pager import drill as drilling
from gateway.pager.alertmanager import AlertmanagerChannel, Notification, external
from gateway.pager.apprise_channel import AppriseChannel
from gateway.pager.at_modem import AtModem
from gateway.pager.channels import Outgoing
from gateway.pager.config import ChannelConfig, HeartbeatConfig, PagerConfig, RelayConfig
from gateway.pager.delivery import Deliverer
from gateway.pager.errors import PagerError
from gateway.pager.heartbeat import Pinger, Vitals, is_genuine, is_proof, signed, vitals
from gateway.pager.inbox import Inbox
from gateway.pager.keeper import Keeper, watcher_asked
from gateway.pager.messages import Style, plain_words
from gateway.pager.receipts import probe_came_back
from gateway.pager.relay import Relay, SirenThread
from gateway.pager.sms_channel import SmsChannel
from gateway.pager.watch import Watcher, load_watch
from medtap.demo.webhook_receiver import WebhookReceiver
from tests.gateway.edge_client import eventually
from tests.gateway.ingest_kit import NOW, ZONE, Database
from tests.gateway.pager_kit import PLAN, FakeChannel, PagerWorld

pytestmark = pytest.mark.integration


@pytest.fixture
def world(database: Database) -> PagerWorld:
    """A pager with people on call."""
    world = PagerWorld(database)
    world.crew()
    return world


@pytest.fixture
def keeper(world: PagerWorld) -> Iterator[Keeper]:
    """Its look at itself."""
    keeper = Keeper(world.database.pool, world.config, ZONE)
    yield keeper
    keeper.close()


def start_drill(world: PagerWorld) -> drilling.Drill:
    """Begin one."""
    with world.database.pool.connection() as connection:
        drill_id = drilling.start_drill(connection, "boss", world.now)
        found = drilling.drill_of(connection, drill_id)
    assert found is not None
    return found


def latest(world: PagerWorld) -> drilling.Drill:
    """The latest drill."""
    with world.database.pool.connection() as connection:
        return drilling.drills(connection)[0]


def test_a_drill_goes_the_whole_way_and_says_how_long_each_step_took(world: PagerWorld, keeper: Keeper) -> None:
    started = start_drill(world)
    with pytest.raises(PagerError, match="running already"):
        start_drill(world)
    world.go(seconds=15)
    assert world.channels["ntfy"].to("an")[0].startswith("[DIỄN TẬP] #")
    assert "Tủ diễn tập: 12,0°C (>8)" in world.channels["ntfy"].to("an")[0]
    assert started.incident_id is not None
    world.acknowledge(started.incident_id)
    world.go(seconds=1)
    keeper.look(["log"], world.now)
    done = latest(world)
    assert (done.state, done.why) == ("passed", "")
    seconds = done.seconds()
    assert seconds["handed"] == 0.0
    assert seconds["acknowledged"] == 15.0
    # Nothing of it is stored as if it had been.
    stored = (
        "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM excursion), (SELECT count(*) FROM stock_hold)"
    )
    assert world.database.rows(stored) == [(0, 0, 0)]
    assert world.database.value("SELECT is_drill AND closed_at IS NOT NULL FROM incident")


def test_a_drill_that_nobody_answers_and_one_that_was_missed_are_paged(world: PagerWorld, keeper: Keeper) -> None:
    start_drill(world)
    for _ in range(16):
        world.go(minutes=1)
        keeper.look([], world.now)
    assert (latest(world).state, latest(world).why) == ("failed", "acknowledged")
    world.go(seconds=1)
    # By the second channel: the probes of the first did not come back meanwhile.
    assert any("diễn tập báo động không đạt" in text for text in world.channels["sms"].to("+84901000001"))
    # The weekly one: due on Wednesday, but the gateway was off until the next day.
    with world.database.pool.connection() as connection:
        drilling.schedule_weekly(connection, (3, time(9, 30)), "boss", world.now)
    world.now = datetime(2026, 11, 25, 9, 31, tzinfo=ZONE)
    keeper.look([], world.now)
    assert (latest(world).state, latest(world).started_by) == ("running", "schedule")
    running = latest(world).incident_id
    assert running is not None
    world.acknowledge(running)
    keeper.look([], world.now)
    assert latest(world).state == "passed"
    assert world.database.value("SELECT returned_at IS NOT NULL FROM alarm WHERE condition = 'drill_failed'")
    world.now = datetime(2026, 12, 3, 8, tzinfo=ZONE)
    keeper.look([], world.now)
    assert (latest(world).state, latest(world).why) == ("failed", "missed")


def test_a_probe_that_does_not_come_back_is_a_dead_channel_until_one_does(world: PagerWorld, keeper: Keeper) -> None:
    keeper.look([], world.now)
    world.go(seconds=15)
    text = world.channels["ntfy"].to("probe")[0]
    world.now += timedelta(minutes=3)
    keeper.look([], world.now)
    assert world.state("ntfy") == "dead"
    world.go(seconds=1)
    assert world.state("ntfy") == "dead"  # it goes on taking messages, which proves nothing
    incident = world.warm()
    world.go(seconds=1)
    assert world.pages("an")[-1] == ("sms", "level:1")  # the dead one is not tried first
    assert incident
    # The topic is read back by another way: the probe was there all the time.
    probe = {"address": "probe", "back_within_s": 120, "ntfy_url": "http://ntfy.test/probe"}
    table = [{"name": "ntfy", "kind": "apprise", "url": "ntfy://ntfy.test/{address}", "probe": probe}]
    reader = Keeper(
        world.database.pool,
        PagerConfig.model_validate({"channel": table}),
        ZONE,
        transport=httpx.MockTransport(lambda _: httpx.Response(200, text=json.dumps({"message": text}))),
    )
    reader.look([], world.now)
    reader.close()
    assert world.state("ntfy") == "ok"
    with world.database.pool.connection() as connection:
        assert probe_came_back(connection, "0" * 16, "http", world.now) is None


def test_a_hole_that_comes_is_told_a_day_before_and_ends_when_it_is_filled(world: PagerWorld, keeper: Keeper) -> None:
    keeper.look([], world.now)
    assert world.database.value("SELECT count(*) FROM alarm WHERE condition = 'schedule_hole'") == 0
    last_day = (world.now + timedelta(hours=12)).astimezone(ZONE).date() - timedelta(days=1)
    world.database.run("UPDATE rota_layer SET last_day = %s WHERE level = 1", last_day)
    keeper.look([], world.now)
    keeper.look([], world.now)
    assert world.database.column("SELECT returned_at FROM alarm WHERE condition = 'schedule_hole'") == [None]
    world.layer(1, "dung")
    keeper.look([], world.now)
    assert world.database.value("SELECT returned_at IS NOT NULL FROM alarm WHERE condition = 'schedule_hole'")


def test_the_siren_sounds_until_somebody_answers(world: PagerWorld) -> None:
    with RelayBoard() as board:
        config = RelayConfig(host="127.0.0.1", port=board.port, coil=3, timeout_s=20.0)
        siren = SirenThread(world.database.pool, Relay(config), config, lambda: world.now)
        siren.look()
        world.warm("desk", severity="warning")
        world.warm(drill=True)
        siren.look()
        assert not board.is_on(3)
        incident = world.warm("ward")
        siren.look()
        assert board.is_on(3)
        board.unplug()
        board.plug()  # a power cut: its relays are open
        world.now += timedelta(seconds=11)
        siren.look()  # the old connection is found broken
        world.now += timedelta(seconds=11)
        siren.look()
        assert board.is_on(3)
        world.acknowledge(incident)
        siren.look()
        assert not board.is_on(3)
        siren.pulse()
        siren.look()
        assert board.is_on(3)
        world.now += timedelta(seconds=3)
        siren.look()
        assert not board.is_on(3)
        board.broken = True
        world.warm("store")
        for _ in range(4):
            world.now += timedelta(seconds=15)
            siren.look()
        assert world.state("siren") == "dead"
        siren.stop()


def test_a_page_by_a_real_modem_is_answered_and_its_report_is_kept(world: PagerWorld, tmp_path: Path) -> None:
    sim = SmsModem(tmp_path / "modem", clock=lambda: world.now)
    channel = SmsChannel("sms", AtModem(str(sim.path)))
    inbox = Inbox(world.database.pool, channel, "+84", lambda: world.now)
    deliverer = Deliverer(world.database.pool, channel, lambda: world.now, Style(ZONE, ""), plan=PLAN)
    world.deliverers = [each for each in world.deliverers if each.channel.name != "sms"] + [deliverer]
    world.reports = False
    try:
        incident = world.warm()
        number = world.number(incident)
        world.go(minutes=5, seconds=15)
        assert len(sim.texts_to("+84901000002")) == 1
        assert max(sent.parts for sent in sim.sent) <= 2

        def reported() -> bool:
            inbox.look()
            return bool(world.database.value("SELECT receipt_at IS NOT NULL FROM page WHERE username = 'binh'"))

        eventually(reported)
        assert world.state("sms") == "ok"
        sim.receive(
            "+84901000002", f"ACK {number} đã chuyển vắc-xin sang tủ số 2, đã gọi kỹ thuật điện lạnh đến xem máy nén"
        )

        def acknowledged() -> bool:
            inbox.look()
            return bool(world.database.value("SELECT acknowledged_at IS NOT NULL FROM incident"))

        eventually(acknowledged)
        world.go(seconds=1)
        assert sim.texts_to("+84901000002")[-1].startswith(f"#{number}: đã xác nhận")
        # Pulled out: it is told, and the next page goes another way.
        sim.unplug()
        for _ in range(4):
            world.now += timedelta(seconds=61)
            inbox.look()
        assert world.state("sms") == "dead"
        world.go(seconds=1)
        assert "is it plugged in" in world.database.value("SELECT last_error FROM pager_channel WHERE channel = 'sms'")
        assert "kênh báo động hỏng" in world.channels["ntfy"].to("an")[-1]
    finally:
        channel.close()
        sim.close()


def test_a_watcher_elsewhere_pages_when_the_gateway_is_silent_forged_or_ill(tmp_path: Path) -> None:
    key = b"0123456789abcdef0123456789abcdef"
    (tmp_path / "heartbeat.key").write_bytes(key)
    (tmp_path / "watch.toml").write_text(
        'gateway_url = "http://gateway.test"\nkey_file = "heartbeat.key"\nname = "edge-1"\n'
        '[[channel]]\nname = "sms"\nkind = "sms_modem"\npath = "/dev/null"\n'
        '[[page]]\nchannel = "sms"\naddress = "+84901000001"\n'
        '[[page]]\nchannel = "sms"\naddress = "+84901000002"\nafter_s = 300\n'
    )
    config = load_watch(tmp_path / "watch.toml")
    now = [NOW]
    answer: list[httpx.Response | None] = [None]
    parts = {"database": True, "pager": True, "channels": False}

    def gateway(request: httpx.Request) -> httpx.Response:
        if answer[0] is not None:
            return answer[0]
        query = dict(request.url.params)
        assert is_proof(key, "edge-1", query["nonce"], query["proof"])
        return httpx.Response(200, json=signed(key, Vitals(now[0], parts), query["nonce"]))

    sms = FakeChannel("sms")
    watcher = Watcher(config, [sms], lambda: now[0], transport=httpx.MockTransport(gateway))

    def look(**later: float) -> str:
        now[0] += timedelta(**later)
        return watcher.look()

    assert look() == "well"  # a dead channel is the gateway's own affair
    answer[0] = httpx.Response(502, text="bad gateway")
    assert look(seconds=60) == "silent"
    assert sms.taken == []
    sms.broken = True
    look(seconds=70)
    sms.broken = False
    look(seconds=30)
    assert "Máy chủ medtap không trả lời" in sms.to("+84901000001")[0]
    assert sms.to("+84901000002") == []
    # A watcher that starts again knows what it has told.
    watcher.close()
    watcher = Watcher(config, [sms], lambda: now[0], transport=httpx.MockTransport(gateway))
    look(minutes=5)
    assert [len(sms.to("+84901000001")), len(sms.to("+84901000002"))] == [1, 1]
    look(minutes=16)
    assert len(sms.to("+84901000001")) == 2
    # Somebody else's answer, or an old one, is no sign of life.
    answer[0] = httpx.Response(200, json=signed(b"x" * 32, Vitals(now[0], parts), "n" * 32))
    assert look() == "silent"
    answer[0] = None
    parts["database"] = False
    assert look(seconds=5) == "unwell"
    parts["database"] = True
    assert look(seconds=5) == "well"
    assert "đã hoạt động lại" in sms.to("+84901000002")[-1]
    watcher.close()
    (tmp_path / "heartbeat.key").write_bytes(b"short")
    with pytest.raises(ConfigError, match="expected at least 16"):
        Watcher(config, [sms], lambda: now[0])


def test_a_watcher_that_stops_asking_is_an_incident_and_vitals_see_a_silent_pager(
    world: PagerWorld, keeper: Keeper
) -> None:
    with world.database.pool.connection() as connection:
        watcher_asked(connection, "edge-1", 30.0, world.now)
    keeper.look([], world.now)
    world.now += timedelta(seconds=100)
    keeper.look([], world.now)
    assert world.database.column("SELECT subject FROM alarm WHERE condition = 'heartbeat_missing'") == [
        "watcher:edge-1"
    ]
    # Its page is written and nobody sends it: after two minutes the heartbeat says so.
    world.rounds.go()
    world.now += timedelta(minutes=3)
    found = vitals(world.database.pool, world.now, {"broker": lambda: True, "ingest": lambda: 1 / 0 > 0})
    assert dict(found.parts) == {"database": True, "pager": False, "channels": True, "broker": True, "ingest": False}
    body = signed(b"k" * 16, found, "n" * 16)
    assert is_genuine(b"k" * 16, body, "n" * 16)
    assert not is_genuine(b"k" * 16, {**body, "parts": {"database": True}}, "n" * 16)
    called: list[str] = []

    def switch(request: httpx.Request) -> httpx.Response:
        called.append(f"{request.url.path} {request.content.decode()}")
        return httpx.Response(200)

    config = HeartbeatConfig(ping_url="http://elsewhere.test/abc")
    well = [found]
    pinger = Pinger(config, lambda: well[0], transport=httpx.MockTransport(switch))
    assert pinger.ping()
    well[0] = Vitals(world.now, {"database": True})
    assert pinger.ping()
    pinger.stop()
    assert called == ["/abc/fail pager, ingest", "/abc "]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # a library of Apprise's
def test_apprise_posts_where_its_url_says_and_says_why_not(tmp_path: Path) -> None:
    words = plain_words("#4711 Tủ 1: 9,4°C")
    with WebhookReceiver() as receiver:
        host = receiver.url.removeprefix("http://")
        config = ChannelConfig(name="json", kind="apprise", url=f"json://{host}?to={{address}}")
        channel = AppriseChannel(config)
        outgoing = Outgoing(*(UUID(int=1), "alarm", "an", words, "critical", {}))
        channel.deliver(outgoing)
        assert receiver.calls
        channel.close()
    secret = tmp_path / "token"
    secret.write_text("hush\n")
    with pytest.raises(ConfigError, match=r"pager\.channel\.x\.url: got 'nonsense://\{secret\}'"):
        AppriseChannel(ChannelConfig(name="x", kind="apprise", url="nonsense://{secret}", secret_file=secret))


def test_alertmanager_gets_its_version_four_and_gives_it(world: PagerWorld) -> None:
    posted: list[dict[str, object]] = []

    def take(request: httpx.Request) -> httpx.Response:
        posted.append(json.loads(request.content))
        return httpx.Response(200)

    channel = AlertmanagerChannel("am", "http://am.test", transport=httpx.MockTransport(take))
    world.warm()
    world.go(seconds=1)
    world.cool()
    world.go(seconds=1)
    for outgoing in world.log.taken:
        channel.deliver(outgoing)
    channel.close()
    assert [body["status"] for body in posted] == ["firing", "resolved"]
    assert posted[0]["groupKey"] == posted[1]["groupKey"]
    # What we post is what we take.
    taken = [Notification.model_validate(body).alerts[0] for body in posted]
    assert external(taken[0]).subject == external(taken[1]).subject
    assert external(taken[0]).severity == "critical"
