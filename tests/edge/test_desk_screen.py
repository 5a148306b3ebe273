"""The desk's own screen: what the clerk sees at the edge node, with or without a network."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from cards.emergency.record import CodedEntry, Contact, EmergencyRecord
from edge.clock import SystemClock
from edge.config import ConfigError, DeskScreenConfig, parse
from edge.contracts.observations import CardPresented, CardRemoved, Event, Telemetry
from edge.desk_screen.parts import DeskScreenParts
from edge.desk_screen.screen import HOLDER_SHOWN_S, DeskScreen, NodeHealth
from edge.desk_screen.server import ScreenError, ScreenServer
from edge.desk_screen.shown_tap import Holder, outcome_of
from edge.desk_screen.watching_recorder import WatchingRecorder
from edge.desk_screen.words import WORDS

NOW = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
CARD_ID = "0123456789abcdef0123456789abcdef"
HEALTHY = NodeHealth(
    gateway_reached=True,
    waiting_events=0,
    unreached_since=None,
    devices_down=(),
    card_list_at=NOW,
    card_list_is_old=False,
)


def tap(verdict: str = "genuine", reason: str = "", device_id: str = "card-reader", second: int = 0) -> CardPresented:
    """A card that was read."""
    return CardPresented.model_validate(
        {
            "device_id": device_id,
            "occurred_at": NOW.replace(second=second),
            "monotonic_ns": 1,
            "transport": "pcsc",
            "profile": "piv",
            "card_id": CARD_ID,
            "verdict": verdict,
            "reason": reason,
        }
    )


def removal(device_id: str = "card-reader") -> CardRemoved:
    """Its leaving."""
    return CardRemoved(device_id=device_id, occurred_at=NOW, monotonic_ns=2)


HOLDER = Holder.of(
    EmergencyRecord(
        card_id=CARD_ID,
        issued_at=NOW,
        full_name="Nguyễn Thị Bé An",
        birth_date=date(2021, 3, 4),
        blood_group="O+",
        allergies=(CodedEntry("Penicillin", severity="severe"),),
        guardian=Contact("Trần Thị Bình", "mẹ", "0903123456"),
    ),
    NOW,
)


class Desk:
    """A screen with a clock and a state of health that the test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.health = HEALTHY
        self.screen = DeskScreen(lambda: self.now_s, lambda: self.health)

    def look(self, after: int = 0) -> dict[str, Any]:
        return self.screen.state_after(after, 0.0)


class Kept:
    """A recorder in memory; may refuse."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.disk_is_full = False

    def record_event(self, event: Event) -> None:
        if self.disk_is_full:
            raise OSError("disk full")
        self.events.append(event)

    def record_telemetry(self, telemetry: Telemetry) -> None:
        raise AssertionError(telemetry)


def test_the_clerk_sees_the_tap_only_when_it_is_on_disk() -> None:
    desk, kept = Desk(), Kept()
    recorder = WatchingRecorder(kept, desk.screen)
    kept.disk_is_full = True
    with pytest.raises(OSError, match="disk full"):
        recorder.record_event(tap())
    assert desk.look()["newest"] is None
    kept.disk_is_full = False
    recorder.record_event(tap())
    assert desk.look()["newest"]["outcome"] == "genuine"
    assert desk.look()["card_is_there"]
    recorder.record_event(removal())
    assert not desk.look()["card_is_there"]


def test_a_name_stays_a_minute_after_its_card_has_left_and_never_beside_the_next_card() -> None:
    desk = Desk()
    desk.screen.show(tap())
    desk.screen.show_holder("card-reader", NOW, HOLDER)
    newest = desk.look()["newest"]
    assert newest["holder"]["full_name"] == "Nguyễn Thị Bé An"
    assert newest["holder"]["allergies"] == ("Penicillin",)
    assert newest["holder"]["guardian"] == "Trần Thị Bình (mẹ), 0903123456"
    desk.screen.removed(removal())
    desk.now_s += HOLDER_SHOWN_S
    assert desk.look()["newest"]["holder"] is not None
    desk.now_s += 1
    assert desk.look()["newest"]["holder"] is None

    desk.screen.show(tap(second=1))
    desk.screen.show_holder("card-reader", NOW.replace(second=1), HOLDER)
    desk.screen.show(tap(second=2))
    desk.screen.show_holder("card-reader", NOW.replace(second=1), HOLDER)
    state = desk.look()
    assert state["newest"]["holder"] is None
    assert [each["holder"] for each in state["before"]] == [None, None]


@pytest.mark.parametrize(
    ("verdict", "reason", "outcome"),
    [
        ("genuine", "", "genuine"),
        ("not_genuine", "wrong_key: the signature is of another key", "copied"),
        ("not_genuine", "foreign_ca: issued by another", "foreign"),
        ("not_genuine", "card_lost: on the list of 07:00", "lost"),
        ("not_genuine", "certificate_expired: yesterday", "expired"),
        ("unverified", "other_card: no application", "other_card"),
        ("unverified", "unreadable: fell silent", "unread"),
        ("unverified", "to_be_judged: no key for it here", "to_be_judged"),
    ],
)
def test_each_verdict_has_a_screen_of_its_own_in_both_languages(verdict: str, reason: str, outcome: str) -> None:
    assert outcome_of(verdict, reason) == outcome
    for language in ("vi", "en"):
        screen = WORDS[language]["outcomes"][outcome]
        assert all(screen[part] for part in ("mood", "word", "sentence", "next_step"))


def test_both_languages_say_the_same_things() -> None:
    assert set(WORDS["vi"]) == set(WORDS["en"])
    assert set(WORDS["vi"]["outcomes"]) == set(WORDS["en"]["outcomes"])


def test_whoever_waits_for_news_gets_it_at_once() -> None:
    desk = Desk()
    version = desk.look()["version"]
    told: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: told.append(desk.screen.state_after(version, 60.0)))
    waiting.start()
    desk.screen.show(tap())
    waiting.join(timeout=60.0)
    assert told[0]["newest"]["card_end"] == CARD_ID[-8:]


@pytest.fixture(name="served")
def served_fixture() -> Iterator[tuple[Desk, str]]:
    desk = Desk()
    server = ScreenServer(desk.screen, "127.0.0.1", 0, "vi")
    server.start()
    yield desk, server.url
    server.stop()


def get(url: str, host: str | None = None) -> tuple[int, bytes, str]:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.read(), answer.headers["Content-Security-Policy"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), ""


def test_the_page_comes_from_this_machine_alone_and_to_this_machine_alone(served: tuple[Desk, str]) -> None:
    desk, url = served
    desk.screen.show(tap())
    for file in ("", "desk_screen.css", "desk_screen.js", "sounds.js", "words.json"):
        status, body, policy = get(url + file)
        assert (status, "default-src 'self'" in policy) == (200, True), file
        assert b"//" not in body.replace(b"// ", b""), f"{file}: no address of elsewhere"
    state = json.loads(get(url + "state.json?after=0")[1])
    assert (state["newest"]["outcome"], state["health"]["gateway_reached"]) == ("genuine", True)
    assert get(url + "state.json?after=0", host="evil.example:80")[0] == 421
    assert get(url + "../screen.py")[0] == 404
    assert get(url + "state.json?after=" + "9" * 30)[0] == 200


def test_a_taken_port_is_told_with_its_mend(served: tuple[Desk, str]) -> None:
    port = int(served[1].rsplit(":", 1)[1].rstrip("/"))
    with pytest.raises(ScreenError, match="give another host or port"):
        ScreenServer(served[0].screen, "127.0.0.1", port, "vi")


def test_without_its_table_there_is_no_screen_and_nothing_is_wrapped() -> None:
    parts, kept = DeskScreenParts(None, SystemClock()), Kept()
    assert (parts.url, parts.screen, parts.watching(kept)) == ("", None, kept)


def test_the_table_is_checked() -> None:
    node = '[node]\nsite="a"\nedge_node="b"\nstate_dir="c"\n[broker]\nhost="d"\n[desk_screen]\n'
    assert parse(node).desk_screen == DeskScreenConfig()
    with pytest.raises(ConfigError, match=r"language = 'fr': expected \"vi\""):
        parse(node + 'language="fr"\n')


def test_all_files_of_the_page_are_in_the_package() -> None:
    static = Path(__file__).parents[2] / "edge" / "desk_screen" / "static"
    assert {file.name for file in static.iterdir()} == {
        "desk_screen.html",
        "desk_screen.css",
        "desk_screen.js",
        "sounds.js",
    }
