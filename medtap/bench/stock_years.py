"""Fills a database with two years of a warehouse's books, that prove right: by COPY, then set by set in the server."""

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import psycopg

from gateway.db.partitions import make_partitions
from medtap.bench.people_keys import enter_patients
from medtap.bench.stock_plan import SHELVES, UNITS_A_PACK, WARDS, Move, Size, gtin, moves_of, plan_lots, product_id
from medtap.services.errors import ServiceError

Connection = psycopg.Connection[Any]
_ROWS_A_WRITE: Final = 20_000
_MARK: Final = """\
    CREATE TABLE bench_warehouse (movements bigint NOT NULL, lots integer NOT NULL, until timestamptz NOT NULL)"""
_PLACES: Final = (
    """\
    INSERT INTO place (place_id, parent_place_id, kind, name_vi, name_en) VALUES ('bench-site', NULL, 'site',
    'Bệnh viện', 'Hospital'), ('bench-main', 'bench-site', 'store', 'Kho chính', 'Main store'),
    ('bench-dispensary',
    'bench-site', 'store', 'Quầy cấp phát', 'Dispensary')""",
    """\
    INSERT INTO place (place_id, parent_place_id, kind, name_vi, name_en) SELECT 'bench-shelf-' || n, 'bench-main',
    'shelf', 'Kệ ' || n, 'Shelf ' || n FROM generate_series(1, %(shelves)s) n""",
    """\
    INSERT INTO place (place_id, parent_place_id, kind, name_vi, name_en) SELECT 'bench-ward-' || n, 'bench-site',
    'ward', 'Khoa ' || n, 'Ward ' || n FROM generate_series(1, %(wards)s) n""",
    """\
    INSERT INTO stock_account (account_id, place_id) SELECT 'place:' || place_id, place_id FROM place WHERE place_id
    LIKE 'bench-%%'""",
    """\
    INSERT INTO login_account (username, display_name, roles) VALUES ('bench', 'Bench', '{pharmacist,viewer}')""",
    """\
    INSERT INTO device (site, edge_node, device_id, driver, place_id, scan_action) VALUES ('bench', 'store-1',
    'scanner-issue', 'serial_scanner', 'bench-main', 'issue')""",
    """\
    INSERT INTO ingest_mark (site, edge_node, stream, epoch, mark) VALUES ('bench', 'store-1', 'events', 'bench', 0)""",
)
_STAGE: Final = """\
    CREATE UNLOGGED TABLE bench_move (n bigint GENERATED ALWAYS AS IDENTITY, at timestamptz, kind text, product_id
    text, lot text, expiry_date date, gtin text, serial_number text, quantity integer, source text, target text,
    document_kind text, document_key text)"""
_COPY: Final = """\
    COPY bench_move (at, kind, product_id, lot, expiry_date, gtin, serial_number, quantity, source, target,
    document_kind, document_key) FROM STDIN"""
_DOCUMENTS: Final = """\
    INSERT INTO stock_document (document_id, number, kind, state, content_sha256, from_place_id, to_place_id,
    supplier_name, patient_id, occurred_at, created_at, created_by, closed_at) SELECT md5(kind || key)::uuid,
    upper(left(kind, 2)) || to_char(at, 'YY') || '-' || lpad((row_number() OVER (PARTITION BY kind, extract(year
    FROM at) ORDER BY at, key))::text, 6, '0'), kind, 'posted', sha256(key::bytea), f.place_id, t.place_id, CASE
    WHEN kind = 'receipt' THEN 'Công ty Dược ' || right(key, 2) END, CASE WHEN kind = 'dispensing' THEN
    md5('patient' || (right(key, 3)::integer % 5000))::uuid END, at, at, 'lan', at FROM (SELECT document_kind AS
    kind, document_key AS key, min(at) AS at, min(source) AS source, min(target) AS target FROM bench_move WHERE
    document_kind <> '' GROUP BY 1, 2) d LEFT JOIN stock_account f ON f.account_id = d.source LEFT JOIN
    stock_account t ON t.account_id = d.target ORDER BY at"""
_NUMBERS: Final = """\
    INSERT INTO stock_document_number (kind, year, last_number) SELECT kind, extract(year FROM created_at)::integer,
    count(*) FROM stock_document GROUP BY 1, 2"""
# Heap order is order of time, as two years of work would have left it.
_MOVEMENTS: Final = """\
    INSERT INTO movement (movement_id, kind, product_id, lot, expiry_date, gtin, serial_number, quantity,
    from_account_id, to_account_id, occurred_at, received_at, client, person, document_id, device_key, epoch_key,
    seq) SELECT md5(n::text)::uuid, kind, product_id, lot, expiry_date, gtin, serial_number, quantity, source,
    target, at, at + interval '1 second', CASE WHEN document_kind = '' THEN 'edge' ELSE 'web' END, 'lan', CASE WHEN
    document_kind <> '' THEN md5(document_kind || document_key)::uuid END, CASE WHEN document_kind = '' THEN
    d.device_key END, CASE WHEN document_kind = '' THEN k.epoch_key END, CASE WHEN document_kind = '' THEN n END
    FROM bench_move CROSS JOIN (SELECT device_key FROM device WHERE site = 'bench') d CROSS JOIN (SELECT epoch_key
    FROM ingest_mark WHERE site = 'bench') k ORDER BY at"""
_BOOKS: Final = (
    """\
    INSERT INTO posting (movement_id, occurred_at, account_id, other_account_id, product_id, lot, quantity) SELECT
    m.movement_id, m.occurred_at, s.account, s.other, m.product_id, m.lot, s.quantity FROM movement m CROSS JOIN
    LATERAL (VALUES (m.from_account_id, m.to_account_id, -m.quantity), (m.to_account_id, m.from_account_id,
    m.quantity)) AS s (account, other, quantity)""",
    """\
    INSERT INTO posting_day SELECT stock_day(occurred_at), account_id, other_account_id, product_id, lot,
    sum(quantity), coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0), coalesce(-sum(quantity) FILTER (WHERE
    quantity < 0), 0), count(*) FROM posting GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 4""",
    """\
    INSERT INTO stock_use_week SELECT date_trunc('week', bucket, stock_zone()), product_id, account_id,
    other_account_id, sum(quantity) FROM posting_day WHERE account_id LIKE 'place:%' AND (other_account_id =
    'dispensed' OR other_account_id LIKE 'place:%') GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""",
    """\
    INSERT INTO stock_balance (account_id, product_id, lot, quantity) SELECT account_id, product_id, lot,
    sum(quantity) FROM posting GROUP BY 1, 2, 3""",
    """\
    INSERT INTO pack (gtin, serial_number, product_id, lot, expiry_date, units, account_id, last_movement_id, epc)
    SELECT DISTINCT ON (gtin, serial_number) gtin, serial_number, product_id, lot, expiry_date, quantity,
    to_account_id, movement_id, upper(left(md5(gtin || serial_number), 24)) FROM movement WHERE serial_number IS NOT
    NULL ORDER BY gtin, serial_number, occurred_at DESC""",
    """\
    INSERT INTO scan (epoch_key, seq, occurred_at, received_at, device_key, text, kind, outcome, parsed,
    movement_id) SELECT epoch_key, seq, occurred_at, received_at, device_key, '01' || gtin || '10' || lot || chr(29)
    || '21' || serial_number, 'gs1-element-string', 'issued', jsonb_build_object('gtin', gtin, 'lot', lot,
    'serial_number', serial_number, 'expiry_date', expiry_date), movement_id FROM movement WHERE client = 'edge'
    ORDER BY occurred_at""",
    """\
    INSERT INTO discrepancy (opened_at, code, detail, movement_id, resolved_at, resolved_by, resolution) SELECT
    occurred_at, 'not_in_books', 'found by the bench', movement_id, CASE WHEN n % 10 > 0 THEN received_at END, CASE
    WHEN n % 10 > 0 THEN 'lan' END, CASE WHEN n % 10 > 0 THEN 'counted' END FROM (SELECT *, row_number() OVER
    (ORDER BY occurred_at) AS n FROM movement WHERE client = 'edge' LIMIT 3000) AS chosen""",
    """\
    INSERT INTO stock_level_rule (place_id, product_id, reorder_point, min_units, max_units) SELECT p, product_id,
    200, 100, 2000 FROM product CROSS JOIN unnest(ARRAY['bench-main', 'bench-dispensary']) p""",
    """\
    INSERT INTO stock_hold (hold_id, kind, product_id, lot, reason, placed_by, placed_at) SELECT md5('hold' ||
    lot)::uuid, 'quarantine', product_id, lot, 'bench', 'lan', first_seen_at FROM lot ORDER BY first_seen_at DESC
    LIMIT (SELECT least(100, count(*) / 8) FROM lot)""",
    """\
    INSERT INTO tag_presence SELECT epc, d.device_key, 1, now(), NULL, now() FROM pack CROSS JOIN (SELECT device_key
    FROM device WHERE site = 'bench') d WHERE account_id LIKE 'place:%' LIMIT 300""",
)


def fill_warehouse(dsn: str, size: Size, *, until: datetime, seed: int, say: Callable[[str], None]) -> datetime:
    """The books of `size`, ending at `until`; when they really end (an earlier run may have filled them).

    The database must be migrated, keep its series in native partitions, and be empty or filled by an earlier call of
    the same size.

    Raises:
        ServiceError: the database holds something else, or its user may not switch triggers off.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute("SELECT to_regclass('bench_warehouse') IS NOT NULL").fetchone()
        if found is not None and found[0]:
            row = connection.execute("SELECT movements, lots, until FROM bench_warehouse").fetchone()
            if row is None or (row[0], row[1]) != (size.movements, size.lots):
                raise ServiceError(f"the database is filled with {row and row[0]} movements: say so, or name another")
            return row[2]  # type: ignore[no-any-return]
        if connection.execute("SELECT FROM movement LIMIT 1").fetchone() is not None:
            raise ServiceError("the database holds movements, or was filled only in part: name an empty one")
        _fill(connection, size, until, seed, say)
    return until


def _fill(connection: Connection, size: Size, until: datetime, seed: int, say: Callable[[str], None]) -> None:
    begin = until - timedelta(days=size.days)
    for day in range(0, size.days + 1, 20):
        make_partitions(connection, begin + timedelta(days=day))
    connection.execute("SET work_mem = '256MB'")
    try:
        # Foreign keys and the sums' trigger: all of it is made here, and proven by `medtap stock verify`.
        connection.execute("SET session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege as error:
        raise ServiceError(f"the database's user must be a superuser for this: {error}") from error
    for statement in _PLACES:
        connection.execute(statement, {"shelves": SHELVES, "wards": WARDS})
    enter_patients(connection, until)
    _enter_goods(connection, size, begin, seed)
    say("movements: planned and copied")
    connection.execute(_STAGE)
    _copy_moves(connection, size, begin, until, seed)
    say("documents")
    for statement in (_DOCUMENTS, _NUMBERS):
        connection.execute(statement)
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('movement', 'posting') AND NOT EXISTS"
        " (SELECT FROM pg_constraint WHERE conname = indexname)"
    ).fetchall()
    for name, _definition in indexes:
        connection.execute(f'DROP INDEX "{name}"'.encode())
    for statement in (_MOVEMENTS, *_BOOKS[:1]):
        say(" ".join(statement.split()[:3]).lower())
        connection.execute(statement)
    connection.execute("DROP TABLE bench_move")
    for _name, definition in indexes:
        # A partitioned table's own definition leaves its partitions out: they have the index too.
        connection.execute(definition.replace(" ON ONLY ", " ON ").encode())
    for statement in _BOOKS[1:]:
        say(" ".join(statement.split()[:3]).lower())
        connection.execute(statement)
    connection.execute(_MARK.encode())
    connection.execute("INSERT INTO bench_warehouse VALUES (%s, %s, %s)", (size.movements, size.lots, until))
    connection.execute("RESET session_replication_role")
    say("vacuum")
    connection.execute("VACUUM ANALYZE")


def _enter_goods(connection: Connection, size: Size, begin: datetime, seed: int) -> None:
    with connection.cursor() as cursor:
        with cursor.copy(
            "COPY product (product_id, name_vi, name_en, active_ingredient, base_unit_vi, base_unit_en, unit_cost_vnd,"
            " search_text) FROM STDIN"
        ) as copy:
            for number in range(size.products):
                name = f"Thuốc thử {number:04d} 500 mg"
                search = f"|thuoc thu {number:04d} 500 mg|trial {number:04d}|{product_id(number).lower()}|"
                copy.write_row(
                    (
                        *(product_id(number), name, f"Trial {number:04d}", f"hoạt chất {number % 300}", "viên"),
                        *("tablet", None if number % 50 == 0 else 100 + number * 7 % 9000, search),
                    )
                )
        with cursor.copy("COPY trade_item (gtin, product_id, units) FROM STDIN") as copy:
            for number in range(size.products):
                if gtin(number) is not None:
                    copy.write_row((gtin(number), product_id(number), UNITS_A_PACK))
        with cursor.copy("COPY lot (product_id, lot, expiry_date, first_seen_at) FROM STDIN") as copy:
            for lot in plan_lots(size, seed):
                received = begin + timedelta(days=lot.received_on)
                expiry = (received + timedelta(days=lot.shelf_life_days)).date()
                copy.write_row((lot.product_id, lot.lot, expiry, received))


def _copy_moves(connection: Connection, size: Size, begin: datetime, until: datetime, seed: int) -> None:
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for lot in plan_lots(size, seed):
            expiry = (begin + timedelta(days=lot.received_on + lot.shelf_life_days)).date()
            goods = f"{lot.product_id}\t{lot.lot}\t{expiry}"
            code = gtin(lot.product)
            moves = moves_of(lot, begin, until, seed)
            while chunk := list(islice(moves, _ROWS_A_WRITE)):
                buffer = io.StringIO()
                buffer.writelines(_copy_line(move, goods, code) for move in chunk)
                copy.write(buffer.getvalue())


def _copy_line(move: Move, goods: str, code: str | None) -> str:
    serial = "\\N\t\\N" if move.serial_number is None else f"{code}\t{move.serial_number}"
    return (
        f"{move.at.isoformat()}\t{move.kind}\t{goods}\t{serial}\t{move.quantity}\t{move.source}\t{move.target}"
        f"\t{move.document_kind}\t{move.document_key}\n"
    )
