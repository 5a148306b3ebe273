"""Delivery: every message reaches its channel, however long that takes, and no channel waits for another."""

import json
import logging
import threading
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from gateway.errors import ChannelError
from gateway.pager.channels import LogChannel, Outgoing, Taken, WebhookChannel
from gateway.pager.delivery import RetryPlan
from gateway.pager.messages import plain_words
from gateway.pager.parts import Pager, Surroundings
from tests.gateway.edge_client import eventually
from tests.gateway.ingest_kit import ZONE, Database
from tests.gateway.pager_kit import PagerWorld, pager_config

FAST = RetryPlan(first_s=0.02, longest_s=0.1, claim_s=60.0, poll_s=0.02)


def _clock() -> datetime:
    return datetime.now(UTC) + timedelta(days=3650)  # later than NOW, at which incidents begin


class GatedChannel:
    """A channel that waits for its gate, and fails as often as it is told."""

    def __init__(self, name: str, failures: int = 0) -> None:
        self.name = name
        self.failures = failures
        self.tried: list[Outgoing] = []
        self.taken: list[Outgoing] = []
        self.gate = threading.Event()
        self.gate.set()

    def deliver(self, outgoing: Outgoing) -> Taken:
        """Wait for the gate, then fail or take."""
        self.tried.append(outgoing)
        self.gate.wait(60.0)
        if self.failures:
            self.failures -= 1
            raise ChannelError("nobody answers")
        self.taken.append(outgoing)
        return Taken()

    def close(self) -> None:
        """Nothing to do."""


def started(parts: ExitStack, database: Database, *channels: GatedChannel) -> Pager:
    """A pager at work, with its threads."""
    around = Surroundings(database.pool, _clock, ZONE, "http://medtap", "http://hook.test")
    pager = Pager(pager_config(channel=[]), around, channels=channels, plan=FAST)
    parts.callback(pager.stop)
    for channel in channels:
        parts.callback(channel.gate.set)
    pager.start()
    return pager


@pytest.mark.integration
def test_a_dead_channel_blocks_nobody_and_takes_its_page_in_the_end(database: Database) -> None:
    log, webhook = GatedChannel("log"), GatedChannel("webhook", failures=4)
    webhook.gate.clear()  # hangs in its delivery
    with ExitStack() as parts:
        pager = started(parts, database, log, webhook)
        PagerWorld(database).warm()
        pager.wake()
        eventually(lambda: bool(log.taken))
        assert webhook.taken == []
        webhook.gate.set()
        eventually(lambda: bool(webhook.taken))
        eventually(lambda: None not in database.column("SELECT delivered_at FROM page"))
    assert database.rows("SELECT attempts, last_error FROM page WHERE channel = 'webhook'") == [(5, "")]
    assert len({each.page_id for each in webhook.tried}) == 1
    message = webhook.taken[0].message
    assert (message["temperature_celsius"], message["limit_celsius"]) == (9.4, 8.0)
    assert message["state"] == "active_unacknowledged"
    assert message["page_id"] == str(webhook.taken[0].page_id)
    assert message["incident_key"] == str(database.value("SELECT incident_id FROM incident"))


@pytest.mark.integration
def test_two_pagers_do_not_deliver_the_same_page_and_one_that_died_is_followed(database: Database) -> None:
    first, second = GatedChannel("log"), GatedChannel("log")
    first.gate.clear()
    second.gate.clear()
    with ExitStack() as parts:
        started(parts, database, first)
        started(parts, database, second)
        PagerWorld(database).warm()
        eventually(lambda: bool(first.tried or second.tried))
        first.gate.set()
        second.gate.set()
        eventually(lambda: database.column("SELECT delivered_at IS NOT NULL FROM page WHERE channel = 'log'") == [True])
    assert len(first.taken) + len(second.taken) == 1
    # Claimed by one that was killed before it could say what came of it: the claim ends, the next one delivers.
    database.run("UPDATE page SET delivered_at = NULL, attempts = 1, next_attempt_at = %s", _clock())
    third = GatedChannel("log")
    with ExitStack() as parts:
        started(parts, database, third)
        eventually(lambda: bool(third.taken))
    assert third.taken[0].page_id == (first.taken or second.taken)[0].page_id


@pytest.mark.integration
def test_a_program_hears_of_everything_however_late(database: Database) -> None:
    """Returned and acknowledged in the meantime: still delivered, for nothing is dropped in silence."""
    world = PagerWorld(database)
    world.log.broken = True
    incident = world.warm()
    world.go(seconds=10)
    world.cool()
    world.acknowledge(incident, "boss")
    world.log.broken = False
    world.go(minutes=2)
    assert [each.message["state"] for each in world.log.taken] == ["returned_to_normal_acknowledged"] * 2
    assert {each.kind for each in world.log.taken} == {"alarm", "returned"}


def test_waiting_doubles_up_to_a_limit_and_never_ends() -> None:
    plan = RetryPlan(first_s=2.0, longest_s=300.0)
    assert [plan.delay_s(attempts, 0.0) for attempts in (1, 2, 3, 8, 9, 10_000)] == [2, 4, 8, 256, 300, 300]
    assert plan.delay_s(1, 1.0) == pytest.approx(1.6)


PAGE = Outgoing(
    page_id=uuid.UUID(int=1),
    kind="alarm",
    address="",
    words=plain_words("Tủ 1: 9,0 °C"),
    severity="critical",
    message={"text_vi": "Tủ 1: 9,0 °C", "text_en": "Fridge 1: 9.0 °C"},
)


def _webhook(answer: Callable[[httpx.Request], httpx.Response]) -> WebhookChannel:
    return WebhookChannel("https://pager.test/hook", transport=httpx.MockTransport(answer))


def test_the_webhook_gets_json_and_a_key_that_stays_the_same() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    channel = _webhook(answer)
    channel.deliver(PAGE)
    channel.close()
    assert seen[0].headers["Idempotency-Key"] == str(PAGE.page_id)
    assert json.loads(seen[0].content)["text_vi"] == "Tủ 1: 9,0 °C"


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_an_answer_that_is_no_success_is_no_delivery(status: int) -> None:
    channel = _webhook(lambda _: httpx.Response(status, headers={"Location": "https://elsewhere.test"}, text="no"))
    with pytest.raises(ChannelError, match=f"webhook answered {status}: 'no'"):
        channel.deliver(PAGE)
    channel.close()


def test_a_webhook_that_does_not_answer_is_no_delivery() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("timed out", request=request)

    channel = _webhook(refuse)
    with pytest.raises(ChannelError, match="webhook gave no answer: ConnectTimeout: timed out"):
        channel.deliver(PAGE)
    channel.close()


def test_the_log_says_it_in_both_languages(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, "medtap.page"):
        LogChannel().deliver(PAGE)
    assert "Tủ 1: 9,0 °C | Fridge 1: 9.0 °C" in caplog.text
