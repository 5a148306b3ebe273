"""The pager: every page reaches its channel, however long that takes, and no channel waits for another."""

import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from gateway.alarms.lifecycle import acknowledge_alarm
from gateway.errors import ChannelError
from gateway.pager.channels import LogChannel, Page, WebhookChannel
from gateway.pager.delivery import Pager, RetryPlan
from tests.gateway.edge_client import eventually
from tests.gateway.ingest_kit import NOW, Database, Node, readings_from

pytestmark = pytest.mark.integration

FAST = RetryPlan(first_s=0.02, longest_s=0.1, claim_s=30.0, poll_s=0.02)


def _clock() -> datetime:
    return datetime.now(UTC) + timedelta(days=3650)  # later than NOW, at which the pages are written


class FakeChannel:
    """A channel that fails as often as it is told."""

    def __init__(self, name: str, failures: int = 0) -> None:
        self.name = name
        self.failures = failures
        self.tried: list[Page] = []
        self.taken: list[Page] = []
        self.gate = threading.Event()
        self.gate.set()

    def deliver(self, page: Page) -> None:
        """Wait for the gate, then fail or take."""
        self.gate.wait(20.0)
        self.tried.append(page)
        if self.failures:
            self.failures -= 1
            raise ChannelError("nobody answers")
        self.taken.append(page)

    def close(self) -> None:
        """Nothing to do."""


@contextmanager
def running(database: Database, *channels: FakeChannel) -> Iterator[Pager]:
    """A pager at work."""
    pager = Pager(database.pool, channels, _clock, plan=FAST, jitter=lambda: 0.0)
    pager.start()
    try:
        yield pager
    finally:
        for channel in channels:
            channel.gate.set()
        pager.stop()


@pytest.fixture
def alarm(database: Database) -> Database:
    """A database with one alarm and its pages to the log and the webhook."""
    database.take(Node().readings(*readings_from(NOW, [9.0] * 8)))
    return database


def test_a_page_is_delivered_once_to_each_channel(alarm: Database) -> None:
    log, webhook = FakeChannel("log"), FakeChannel("webhook")
    with running(alarm, log, webhook):
        eventually(lambda: bool(log.taken and webhook.taken))
        eventually(lambda: None not in alarm.column("SELECT delivered_at FROM page"))
    assert len(log.tried) == len(webhook.tried) == 1
    message = webhook.taken[0].message
    assert message["temperature_celsius"] == 9.0
    assert message["limit_celsius"] == 8.0
    assert message["state"] == "active_unacknowledged"
    assert message["page_id"] == str(webhook.taken[0].page_id)


def test_a_channel_that_fails_is_tried_until_it_takes_the_page(alarm: Database) -> None:
    webhook = FakeChannel("webhook", failures=4)
    with running(alarm, webhook):
        eventually(lambda: bool(webhook.taken))
        eventually(lambda: alarm.value("SELECT delivered_at FROM page WHERE channel = 'webhook'") is not None)
    assert alarm.rows("SELECT attempts, last_error FROM page WHERE channel = 'webhook'") == [(5, "")]
    assert len({page.page_id for page in webhook.tried}) == 1


def test_a_failure_is_kept_where_it_can_be_seen(alarm: Database) -> None:
    with running(alarm, FakeChannel("webhook", failures=10**9)):
        eventually(lambda: alarm.value("SELECT last_error FROM page WHERE channel = 'webhook'") == "nobody answers")
    assert alarm.value("SELECT delivered_at FROM page WHERE channel = 'webhook'") is None


def test_a_dead_channel_never_blocks_another(alarm: Database) -> None:
    log, webhook = FakeChannel("log"), FakeChannel("webhook")
    webhook.gate.clear()  # hangs in its delivery
    with running(alarm, log, webhook):
        eventually(lambda: bool(log.taken))
        assert webhook.tried == []


def test_a_page_for_a_channel_that_was_down_says_that_all_is_well_again(alarm: Database) -> None:
    """Returned and acknowledged in the meantime: still delivered, for nothing is dropped in silence."""
    alarm.take(Node(epoch="00000000000000e2").readings(*readings_from(NOW + timedelta(minutes=5), [5.0])))
    with alarm.pool.connection() as connection:
        acknowledge_alarm(connection, alarm.value("SELECT alarm_id FROM alarm"), "an", "")
    webhook = FakeChannel("webhook")
    with running(alarm, webhook):
        eventually(lambda: bool(webhook.taken))
    assert webhook.taken[0].message["state"] == "returned_to_normal_acknowledged"


def test_a_page_claimed_by_a_pager_that_died_is_delivered_by_the_next(alarm: Database) -> None:
    alarm.run("UPDATE page SET attempts = 1, next_attempt_at = %s", _clock() - timedelta(seconds=1))
    webhook = FakeChannel("webhook")
    with running(alarm, webhook):
        eventually(lambda: bool(webhook.taken))


def test_two_pagers_do_not_deliver_the_same_page(alarm: Database) -> None:
    first, second = FakeChannel("webhook"), FakeChannel("webhook")
    first.gate.clear()
    second.gate.clear()
    with running(alarm, first), running(alarm, second):
        eventually(lambda: alarm.value("SELECT attempts FROM page WHERE channel = 'webhook'") == 1)
        first.gate.set()
        second.gate.set()
        eventually(lambda: alarm.value("SELECT delivered_at FROM page WHERE channel = 'webhook'") is not None)
    assert len(first.taken) + len(second.taken) == 1


def test_waiting_doubles_up_to_a_limit_and_never_ends() -> None:
    plan = RetryPlan(first_s=2.0, longest_s=300.0)
    assert [plan.delay_s(attempts, 0.0) for attempts in (1, 2, 3, 8, 9, 10_000)] == [2, 4, 8, 256, 300, 300]
    assert plan.delay_s(1, 1.0) == pytest.approx(1.6)


PAGE = Page(uuid.UUID(int=1), {"text_vi": "Tủ 1: 9,0 °C", "text_en": "Fridge 1: 9.0 °C"})


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
