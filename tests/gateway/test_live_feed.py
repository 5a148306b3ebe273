"""The live feed against a real PostgreSQL."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from gateway.db.migrator import migrate
from gateway.db.pool import Pool, open_pool
from gateway.services.live_events import NewLiveEvent, publish, to_everyone
from gateway.services.live_feed import LiveFeed, Subscription

pytestmark = pytest.mark.integration


@pytest.fixture
def pool(postgres_dsn: str) -> Iterator[Pool]:
    """A migrated database."""
    migrate(postgres_dsn)
    pool = open_pool(postgres_dsn)
    yield pool
    pool.close()


@pytest.fixture
def feed(postgres_dsn: str, pool: Pool) -> Iterator[LiveFeed]:
    """A feed that follows it."""
    feed = LiveFeed(postgres_dsn, pool)
    feed.start()
    yield feed
    feed.close()


def _write(pool: Pool, *numbers: int, audience: str = "desk") -> None:
    with pool.connection() as connection:
        publish(connection, [NewLiveEvent(audience, "tap", {"seq": number}) for number in numbers])  # type: ignore[arg-type]


async def _take(subscription: Subscription, count: int) -> list[int]:
    return [int((await asyncio.wait_for(anext(subscription), 60.0)).payload["seq"]) for _ in range(count)]


def test_a_page_sees_what_happens_from_now_on_and_only_what_concerns_it(feed: LiveFeed, pool: Pool) -> None:
    async def play() -> list[int]:
        async with feed.subscribe(None, {"desk"}) as page:
            _write(pool, 1)
            _write(pool, 99, audience="pharmacy")
            _write(pool, 2, 3)
            return await _take(page, 3)

    assert asyncio.run(play()) == [1, 2, 3]


def test_a_page_that_comes_back_gets_what_it_missed_and_then_goes_on(
    feed: LiveFeed, pool: Pool, postgres_dsn: str
) -> None:
    _write(pool, *range(10))
    with psycopg.connect(postgres_dsn) as connection:
        seen = connection.execute("SELECT live_event_id FROM live_event WHERE payload->>'seq' = '4'").fetchone()
    assert seen is not None

    async def play() -> list[int]:
        async with feed.subscribe(int(seen[0]), {"desk"}) as page:
            missed = await _take(page, 5)
            _write(pool, 10)
            return [*missed, *await _take(page, 1)]

    assert asyncio.run(play()) == [5, 6, 7, 8, 9, 10]


def test_a_page_that_knows_more_than_this_process_has_heard_of_sees_nothing_twice(
    pool: Pool, postgres_dsn: str
) -> None:
    deaf = LiveFeed(postgres_dsn, pool)  # not started: as far behind as a feed can be
    _write(pool, *range(10))
    with psycopg.connect(postgres_dsn) as connection:
        seen = connection.execute("SELECT live_event_id FROM live_event WHERE payload->>'seq' = '4'").fetchone()
    assert seen is not None

    async def play() -> list[int]:
        async with deaf.subscribe(int(seen[0]), {"desk"}) as page:
            missed = await _take(page, 5)
            deaf.start()
            _write(pool, 10)
            return [*missed, *await _take(page, 1)]

    try:
        assert asyncio.run(play()) == [5, 6, 7, 8, 9, 10]
    finally:
        deaf.close()


def test_a_page_with_a_number_of_a_database_that_was_restored_since_goes_on_from_now(
    feed: LiveFeed, pool: Pool
) -> None:
    _write(pool, 1)

    async def play() -> list[int]:
        async with feed.subscribe(1_000_000, {"desk"}) as page:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(page), 0.3)
            _write(pool, 2)
            return await _take(page, 1)

    assert asyncio.run(play()) == [2]


def test_a_page_that_was_away_longer_than_memory_reaches_reads_the_table(feed: LiveFeed, pool: Pool) -> None:
    async def play() -> list[int]:
        async with feed.subscribe(0, {"desk"}) as page:
            _write(pool, *range(5000))
            return await _take(page, 5000)

    assert asyncio.run(play()) == list(range(5000))


def test_a_wait_that_is_cancelled_loses_no_event(feed: LiveFeed, pool: Pool) -> None:
    async def play() -> list[int]:
        async with feed.subscribe(None, {"desk"}) as page:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(page), 0.05)
            _write(pool, 1)
            return await _take(page, 1)

    assert asyncio.run(play()) == [1]


def test_closing_the_feed_ends_the_pages(feed: LiveFeed) -> None:
    async def play() -> int:
        page = feed.subscribe(None, {"desk"})
        asyncio.get_running_loop().call_later(0.05, feed.close)
        return len([event async for event in page])

    assert asyncio.run(play()) == 0


def test_the_feed_goes_on_after_the_database_threw_it_out(feed: LiveFeed, pool: Pool, postgres_dsn: str) -> None:
    async def play() -> list[int]:
        async with feed.subscribe(None, {"desk"}) as page:
            with psycopg.connect(postgres_dsn, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'medtap-live'"
                )
            _write(pool, 7)
            return await _take(page, 1)

    assert asyncio.run(play()) == [7]


def test_an_event_for_everyone_reaches_each_audience_once() -> None:
    assert sorted(event.audience for event in to_everyone("device", {})) == ["desk", "on_call", "pharmacy"]
