"""Live pages: fragments as things happen, resumable, without a held connection, ending with the session."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from gateway.api.app import create_app
from gateway.db.pool import open_pool
from gateway.services.app_services import AppServices
from gateway.services.live_events import NewLiveEvent, publish
from gateway.services.live_feed import LiveFeed
from gateway.services.sessions import SessionPolicy

WORLD = Any


@dataclass(frozen=True)
class Message:
    """One message of an event stream."""

    event: str
    data: str
    id: str | None

    @property
    def fragments(self) -> list[str]:
        """Ids of the root elements, in order."""
        roots = re.findall(r'^<(?:section|div|article) id="([^"]+)"', self.data, re.MULTILINE)
        inside = ("alarm-", "place-") if "places" in roots else ("alarm-",)
        return [root for root in roots if not root.startswith(inside)]


def _messages(response: httpx.Response) -> Iterator[Message]:
    lines: list[str] = []
    for line in response.iter_lines():
        if line:
            lines.append(line)
            continue
        fields = [each.partition(":") for each in lines if not each.startswith(":")]
        data = [value.removeprefix(" ") for name, _, value in fields if name == "data"]
        named = {name: value.strip() for name, _, value in fields}
        lines = []
        if "event" in named:
            yield Message(named["event"], "\n".join(data), named.get("id"))


@contextmanager
def _stream(browser: httpx.Client, path: str, **headers: str) -> Iterator[Iterator[Message]]:
    with browser.stream(
        "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    ) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _messages(answer)


def _event(world: WORLD, id_: int, audience: str, kind: str, payload: dict[str, Any] | None = None) -> None:
    """As the feed would hand it out, to streams that connect later."""
    world.feed.ready.append(_FakeEvent(id_, audience, kind, payload or {}))


@dataclass(frozen=True)
class _FakeEvent:
    live_event_id: int
    audience: str
    kind: str
    payload: dict[str, Any]


def test_a_stream_begins_with_the_banner_as_it_is_now(world: WORLD) -> None:
    with _stream(world.signed_in("clerk"), "/live/desk") as messages:
        first = next(messages)
    assert (first.event, first.id, first.fragments) == ("heartbeat", None, ["banner"])
    assert "Nút biên desk-1 mất kết nối" in first.data


def test_a_tap_sends_the_newest_tap_first_and_the_list_after_it_with_the_id(world: WORLD) -> None:
    _event(world, 41, "desk", "tap", {"epoch_key": 1, "seq": 9})
    with _stream(world.signed_in("clerk"), "/live/desk") as messages:
        next(messages)
        newest, rest = next(messages), next(messages)
    assert (newest.event, newest.id, newest.fragments) == ("fragments", None, ["newest_tap"])
    assert (rest.event, rest.id, rest.fragments) == ("fragments", "41", ["changed_verdicts", "visits"])
    assert 'data-seq="13"' in newest.data


@pytest.mark.parametrize(
    ("audience", "kind", "payload", "fragments"),
    [
        ("pharmacy", "scan", {}, [["newest_scan"], ["recent_scans", "stock", "discrepancies"]]),
        ("pharmacy", "tag", {"epc": "30", "present": True}, [["shelf"]]),
        ("on_call", "readings", {"device_keys": {"2": {"temperature_celsius": 4.4}}}, [["place-2"]]),
        ("on_call", "readings", {"device_keys": {str(key): {} for key in range(1, 9)}}, [["places"]]),
        ("on_call", "alarm", {"change": "raised"}, [["alarms"], ["places"]]),
        ("on_call", "edge_node", {}, [["banner"], ["nodes", "places"]]),
        ("on_call", "dead_letter", {"dead_letter_id": 1}, [["nodes"]]),
        ("desk", "device", {}, [["banner"]]),
        ("desk", "card_removed", {"device_key": 6}, [["banner"]]),
    ],
)
def test_an_event_redraws_what_it_touches_and_nothing_else(
    world: WORLD, audience: str, kind: str, payload: dict[str, Any], fragments: list[list[str]]
) -> None:
    _event(world, 7, audience, kind, payload)
    with _stream(world.signed_in("pharmacist", "clerk", "on_call"), f"/live/{audience}") as messages:
        next(messages)
        got = [next(messages) for _ in fragments]
    assert [message.fragments for message in got] == fragments
    assert [message.id for message in got] == [None] * (len(got) - 1) + ["7"]


def test_many_waiting_events_are_drawn_once(world: WORLD) -> None:
    for id_ in range(1, 301):
        _event(world, id_, "desk", "tap")
    with _stream(world.signed_in("clerk"), "/live/desk") as messages:
        next(messages)
        got = [next(messages), next(messages)]
    assert [message.id for message in got] == [None, "300"]


def test_a_browser_that_lost_the_link_resumes_where_it_was(world: WORLD) -> None:
    browser = world.signed_in("clerk")
    world.feed.ends = True
    for headers, path in (
        ({}, "/live/desk"),
        ({}, "/live/desk?after=12"),
        ({"last-event-id": "40"}, "/live/desk?after=12"),
        ({"last-event-id": "x"}, "/live/desk?after=12"),
    ):
        browser.get(path, headers=headers)
    assert [after for after, _audiences in world.feed.asked] == [None, 12, 40, 12]
    assert {audiences for _after, audiences in world.feed.asked} == {frozenset({"desk"})}


def test_a_page_says_after_which_event_its_stream_begins(world: WORLD) -> None:
    world.execute(
        "INSERT INTO live_event (audience, kind, payload) VALUES ('desk', 'tap', '{}'), ('desk', 'tap', '{}')"
    )
    page = world.signed_in("clerk").get("/desk").text
    assert 'data-stream="/live/desk" data-after="2"' in page


def test_the_stream_ends_when_the_feed_ends(world: WORLD) -> None:
    world.feed.ends = True
    with _stream(world.signed_in("clerk"), "/live/desk") as messages:
        assert [message.event for message in messages] == ["heartbeat"]
    assert [subscription.closed for subscription in world.feed.subscriptions] == [True]


def test_a_browser_that_leaves_leaves_nothing_behind(world: WORLD) -> None:
    with _stream(world.signed_in("clerk"), "/live/desk") as messages:
        next(messages)
        assert world.feed.subscriptions[0].closed is False
    _until(lambda: world.feed.subscriptions[0].closed)


def test_no_connection_of_the_pool_is_held_while_nothing_happens(world: WORLD) -> None:
    browser = world.signed_in("clerk")
    streams = [_stream(browser, "/live/desk") for _ in range(20)]
    opened = [stream.__enter__() for stream in streams]
    try:
        for messages in opened:
            next(messages)
        _until(lambda: world.pool.get_stats().get("pool_available", 0) == world.pool.get_stats()["pool_size"])
    finally:
        for stream in streams:
            stream.__exit__(None, None, None)


def test_the_stream_ends_with_the_session_and_says_so(make_world: Callable[..., WORLD]) -> None:
    world = make_world(heartbeat_s=0.05)
    with _stream(world.signed_in("clerk"), "/live/desk") as messages:
        next(messages)
        world.execute("UPDATE login_session SET ended_at = now()")
        events = [message.event for message in messages]
    assert events[-1] == "signed_out"
    assert set(events[:-1]) <= {"heartbeat"}


def test_a_session_that_loses_its_role_loses_its_stream(world: WORLD) -> None:
    _event(world, 5, "desk", "tap")
    browser = world.signed_in("clerk", "viewer")
    with _stream(browser, "/live/desk") as messages:
        next(messages)
        next(messages)
        next(messages)
        world.execute("UPDATE login_account SET roles = '{viewer}'")
        subscription = world.feed.subscriptions[0]
        subscription.queue.append(_FakeEvent(6, "desk", "tap", {}))
        subscription.wake()
        assert next(messages).event == "signed_out"


def test_an_open_live_page_keeps_its_session_in_use(make_world: Callable[..., WORLD]) -> None:
    world = make_world(policy=SessionPolicy(idle=timedelta(minutes=10)), heartbeat_s=0.02)
    with _stream(world.signed_in("clerk"), "/live/desk") as messages:
        for _ in range(3):
            next(messages)
            world.clock.forward(minutes=9)
            next(messages)
            next(messages)
        assert next(messages).event == "heartbeat"


def test_a_stream_outlives_a_database_that_is_away(
    make_world: Callable[..., WORLD], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.pages.live._RETRY_DATABASE_S", 0.05)
    world = make_world(heartbeat_s=0.05)
    real, down = world.pool.connection, [True]

    def connection(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - stands for the pool's own
        if down[0]:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return real(*arguments, **named)

    browser = world.signed_in("clerk")
    with _stream(browser, "/live/desk") as messages:
        next(messages)
        monkeypatch.setattr(world.pool, "connection", connection)
        said = next(message for message in messages if "Cơ sở dữ liệu không phản hồi" in message.data)
        assert said.fragments == ["banner"]
        down[0] = False
        back = next(message for message in messages if "Cơ sở dữ liệu" not in message.data)
    assert "Nút biên desk-1" in back.data


def test_through_the_real_feed_a_committed_tap_reaches_the_screen_at_once(
    world: WORLD,
) -> None:
    pool = open_pool(world.pool.conninfo)
    feed = LiveFeed(world.pool.conninfo, pool)
    feed.start()
    try:
        object.__setattr__(world.app.state.web.services, "live", feed)
        with _stream(world.signed_in("clerk"), "/live/desk") as messages:
            next(messages)
            with psycopg.connect(world.pool.conninfo) as connection:
                connection.execute("UPDATE tap SET seq = 77 WHERE outcome = 'checked_in'")
                publish(connection, [NewLiveEvent("desk", "tap", {"epoch_key": 1, "seq": 77})])
            newest = next(messages)
            assert 'data-seq="77"' in newest.data
            assert "NGUYỄN" in newest.data
            assert next(messages).id == "1"
            feed.close()
            assert list(messages) == []
    finally:
        feed.close()
        pool.close()


def test_no_name_travels_through_the_feed(world: WORLD) -> None:
    """The payload of a live event is ids and numbers: names are read when the fragment is drawn."""
    assert world.app.state.web.services.live is world.feed
    _event(world, 3, "desk", "tap", {"epoch_key": 1, "seq": 9, "outcome": "checked_in"})
    with _stream(world.signed_in("clerk"), "/live/desk") as messages:
        next(messages)
        assert "NGUYỄN" in next(messages).data
    assert "NGUY" not in repr(world.feed.ready).upper()


def test_the_application_ends_open_streams_when_it_stops(world: WORLD) -> None:
    with _stream(world.signed_in("clerk"), "/live/desk") as messages:
        next(messages)
        world.app.state.web.stop_live()
        assert list(messages) == []


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.01)


def test_a_policy_that_is_not_given_is_the_documented_one(world: WORLD) -> None:
    services = AppServices(
        pool=world.pool,
        config=world.app.state.web.services.config,
        clock=lambda: datetime.now(UTC),
        live=world.feed,
        people=world.app.state.web.services.people,
    )
    assert create_app(services).state.web.policy == SessionPolicy(
        idle=timedelta(minutes=30), absolute=timedelta(hours=12)
    )
