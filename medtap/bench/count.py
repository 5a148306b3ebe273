"""`medtap bench count`: RFID counts of a whole store, from the last read to the findings committed.

Through the real path: packs received through the books, passes sent as lists and taken from the shelf readers' tags,
compared and kept in one transaction. Beside it, in the same run: the comparison alone, in memory, and what the database
needs for nothing but handing over the same expected tags and passes.
"""

import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from gateway.db.migrator import migrate
from gateway.stock import books
from gateway.stock.lines import Doing, Goods, Line
from gateway.stock.tag_count_passes import UploadedPass, add_uploaded, take_from_readers
from gateway.stock.tag_counts import NewTagCount, Reconciled, reconcile_count, start
from inventory.check_digit import check_digit
from inventory.epc import encode_epc
from inventory.tag_count import KnownTag, OurArticles, ReadPass, reconcile
from medtap.bench.percentiles import percentile
from medtap.services.postgres import EmbeddedPostgres

_PLACE: Final = "bench-store"
_ACCOUNT: Final = f"place:{_PLACE}"
_COMPANY_PREFIX: Final = "8935234"
_PRODUCTS: Final = 50
_UNITS: Final = 10
_LINES_AT_ONCE: Final = 1000
_SEEN_SHARE: Final = 0.97
"""Of the tags in one pass: metal and liquid shadow the others."""
_MISSING_SHARE: Final = 0.002
_STRANGERS: Final = 50
"""Tags that nobody knows, of our articles and of others', half of each."""

_Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class CountOptions:
    """What is measured."""

    tags: int
    passes: int = 3
    runs: int = 7
    """Whole counts, one after the other; the first, with cold caches, is one of them."""
    seed: int = 1
    dsn: str | None = None
    """Use this (empty) database, not an embedded one."""


@dataclass(frozen=True)
class _Store:
    epcs: Sequence[str]
    present: Sequence[str]
    strangers: Sequence[str]
    began_at: datetime


def measure_count(options: CountOptions) -> Mapping[str, Any]:
    """Count a store of `tags` packs several times over.

    Returns:
        `tags`, `passes`, `runs`; `seconds`: from the last pass in hand to its findings committed, median of all runs,
        with `seconds_worst` and the processor time of this process for it, `cpu_s`; of it `last_pass_s` and
        `reconcile_s`; `reader_pass_s`: taking all tags from the shelf reader's presence as a pass; `pure_s`: the
        comparison alone, in memory; `raw_select_s`: the database handing over expected tags and passes, nothing else;
        `numbers`: tags by outcome; `receive_s`: how long filling took.

    Raises:
        ServiceError: the server did not come up.
    """
    server = None if options.dsn else EmbeddedPostgres()
    try:
        if server is not None:
            server.start()
        dsn = options.dsn or (server.create_database() if server is not None else "")
        migrate(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            began = time.perf_counter()
            store = _fill(connection, options)
            receive_s = time.perf_counter() - began
            return {**_measure(connection, options, store), "receive_s": round(receive_s, 2)}
    finally:
        if server is not None:
            server.stop()


def _measure(connection: _Connection, options: CountOptions, store: _Store) -> dict[str, Any]:
    draw = random.Random(options.seed)  # noqa: S311 - which tags a pass misses is no secret
    last_pass: list[float] = []
    compared: list[float] = []
    cpu: list[float] = []
    found: Reconciled | None = None
    passes: list[frozenset[str]] = []
    for run in range(options.runs):
        count_id = uuid.UUID(int=1000 + run)
        at = store.began_at + timedelta(minutes=run)
        start(connection, NewTagCount(count_id, (_PLACE,), "bench"), at)
        passes = [_look(store, draw) for _ in range(options.passes)]
        for number, epcs in enumerate(passes, 1):
            began, cpu_began = time.perf_counter(), time.process_time()
            add_uploaded(
                connection, UploadedPass(uuid.uuid5(count_id, str(number)), count_id, _PLACE, epcs, "bench"), at
            )
            sent_s, sent_cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        last_pass.append(sent_s)
        began, cpu_began = time.perf_counter(), time.process_time()
        found = reconcile_count(connection, count_id, at)
        compared.append(time.perf_counter() - began)
        cpu.append(time.process_time() - cpu_began + sent_cpu_s)
    whole = [sent + done for sent, done in zip(last_pass, compared, strict=True)]
    return {
        "tags": options.tags,
        "passes": options.passes,
        "runs": options.runs,
        "seconds": round(percentile(whole, 0.5), 4),
        "seconds_worst": round(max(whole), 4),
        "cpu_s": round(percentile(cpu, 0.5), 4),
        "last_pass_s": round(percentile(last_pass, 0.5), 4),
        "reconcile_s": round(percentile(compared, 0.5), 4),
        "reader_pass_s": round(_time_reader_pass(connection, store), 4),
        "pure_s": round(percentile([_time_pure(store, passes) for _ in range(options.runs)], 0.5), 4),
        "raw_select_s": round(percentile([_time_select(connection) for _ in range(options.runs)], 0.5), 4),
        "numbers": dict(found.found.numbers) if found is not None else {},
    }


def _look(store: _Store, draw: random.Random) -> frozenset[str]:
    return frozenset(epc for epc in store.present if draw.random() < _SEEN_SHARE) | frozenset(store.strangers)


def _time_pure(store: _Store, passes: Sequence[frozenset[str]]) -> float:
    known = [KnownTag(epc, _ACCOUNT, "BENCH-0", "L0", _UNITS) for epc in store.epcs]
    reads = [ReadPass(number, _ACCOUNT, epcs) for number, epcs in enumerate(passes, 1)]
    ours = OurArticles(frozenset({_gtin(number) for number in range(_PRODUCTS)}))
    began = time.perf_counter()
    reconcile([_ACCOUNT], known, reads, ours)
    return time.perf_counter() - began


def _time_select(connection: _Connection) -> float:
    began = time.perf_counter()
    count_id = uuid.UUID(int=1000)
    connection.execute("SELECT * FROM tag_count_expected WHERE tag_count_id = %s", (count_id,)).fetchall()
    connection.execute("SELECT epcs FROM tag_count_pass WHERE tag_count_id = %s", (count_id,)).fetchall()
    return time.perf_counter() - began


def _time_reader_pass(connection: _Connection, store: _Store) -> float:
    """The tags come to the shelf reader; how long their pass takes."""
    at = store.began_at + timedelta(hours=1)
    connection.execute(
        "INSERT INTO tag_presence (epc, device_key, antenna_id, appeared_at, last_seen_at)"
        " SELECT lower(epc), device_key, 1, %s, %s FROM unnest(%s::text[]) AS epc, device"
        " WHERE device_id = 'bench-uhf'",
        (at, at, list(store.present)),
    )
    count_id = uuid.UUID(int=1)
    start(connection, NewTagCount(count_id, (_PLACE,), "bench"), at)
    began = time.perf_counter()
    take_from_readers(connection, count_id, uuid.UUID(int=2), "bench", at + timedelta(seconds=10))
    return time.perf_counter() - began


def _fill(connection: _Connection, options: CountOptions) -> _Store:
    """A store with so many tagged packs, received through the books."""
    now = datetime.now(UTC) - timedelta(days=1)
    connection.execute(
        "INSERT INTO place (place_id, kind, name_vi, name_en) VALUES (%s, 'store', 'Kho đo', 'Bench store')", (_PLACE,)
    )
    connection.execute(
        "INSERT INTO device (site, edge_node, device_id, driver, place_id, scan_action)"
        " VALUES ('bench', 'bench', 'bench-uhf', 'llrp', %s, 'lookup')",
        (_PLACE,),
    )
    for number in range(_PRODUCTS):
        connection.execute(
            "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en)"
            " VALUES (%s, 'Thuốc đo', 'Bench product', 'viên', 'tablet')",
            (f"BENCH-{number}",),
        )
        connection.execute("INSERT INTO trade_item VALUES (%s, %s, %s)", (_gtin(number), f"BENCH-{number}", _UNITS))
    with connection.transaction():
        account_id = books.place_account(connection, _PLACE)
    for first in range(0, options.tags, _LINES_AT_ONCE):
        numbers = range(first, min(first + _LINES_AT_ONCE, options.tags))
        doing = Doing(now, now, "cli", "bench", scan_text="bench")
        books.book(connection, doing, [_receipt(number, account_id) for number in numbers])
    epcs = [_epc(number % _PRODUCTS, number) for number in range(options.tags)]
    connection.execute(
        "UPDATE pack SET epc = k.epc FROM unnest(%s::text[], %s::text[]) AS k (serial_number, epc)"
        " WHERE pack.serial_number = k.serial_number",
        ([str(number) for number in range(options.tags)], epcs),
    )
    connection.execute("ANALYZE")
    missing = max(1, round(options.tags * _MISSING_SHARE))
    strangers = [_epc(number % _PRODUCTS, 10**9 + number) for number in range(_STRANGERS // 2)]
    strangers += [encode_epc(f"urn:epc:tag:sgtin-96:1.0614141.112345.{number}") for number in range(_STRANGERS // 2)]
    return _Store(epcs, epcs[missing:], strangers, now + timedelta(hours=1))


def _receipt(number: int, account_id: str) -> Line:
    product = number % _PRODUCTS
    goods = Goods(f"BENCH-{product}", f"L{number % 7}", None, _UNITS, _gtin(product), str(number))
    return Line(uuid.UUID(int=10**6 + number), "receive", goods, "supplier", account_id)


def _gtin(product: int) -> str:
    payload = f"0{_COMPANY_PREFIX}{product:05}"
    return payload + str(check_digit(payload))


def _epc(product: int, serial: int) -> str:
    return encode_epc(f"urn:epc:tag:sgtin-96:1.{_COMPANY_PREFIX}.0{product:05}.{serial}")
