"""What happens to readings as they age: sums refreshed, chunks compressed, old ones dropped; on either engine.

`StorageConfig` holds the invariants: nothing is compressed or dropped that an edge node may still have to add to, and
sums are never made anew from readings that are gone.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg import sql

from gateway.config import StorageConfig
from gateway.db.engine import read_engine
from gateway.db.partitions import Month
from gateway.db.pool import Connection
from gateway.db.rollups import refresh_dirty

_LOG = logging.getLogger(__name__)
_LOCK_KEY: Final = 7203006
_POSTINGS_LATE_MAX: Final = timedelta(days=3650)
"""How far back a movement may be entered and still change its day's sum: only days that changed are made anew."""
_REFRESH: Final = {
    "reading_minute": (timedelta(minutes=1), timedelta(minutes=1), 10_080),
    "reading_hour": (timedelta(hours=1), timedelta(minutes=5), 168),
    "reading_day": (timedelta(days=1), timedelta(hours=1), 31),
    "posting_day": (timedelta(days=1), timedelta(minutes=1), 31),
    "stock_use_week": (timedelta(days=7), timedelta(minutes=5), 10),
    "visit_load_hour": (timedelta(hours=1), timedelta(minutes=5), 168),
}
"""Sum: how near to now it is made (newer rows are summed up by the query), how often, and how many buckets at once:
TimescaleDB 2.19 and newer take one at a time by default, so a replayed month of minutes would be 43,200 transactions.
"""


@dataclass(frozen=True)
class Policy:
    """One job of TimescaleDB, as it shall be."""

    relation: str
    procedure: str
    """As `timescaledb_information.jobs.proc_name` says it."""
    setting: str
    """The member of the job's configuration that must be `age`."""
    age: timedelta
    add: str
    """Statement with one parameter: the age."""
    remove: str


def settle_policies(connection: Connection, config: StorageConfig, now: datetime) -> tuple[str, ...]:
    """Make the database age its readings as the configuration says; what was changed or dropped, in words.

    On TimescaleDB: jobs that differ are replaced, and run by themselves from then on. On plain PostgreSQL months that
    are too old are dropped now. Commits as it goes; no transaction may be open.
    """
    if read_engine(connection) == "timescaledb":
        connection.commit()
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
            policies = _policies(config, batches=_takes_batches(connection))
            return tuple(line for policy in policies for line in _settle(connection, policy, config))
    connection.commit()
    return _drop_old_months(connection, config, now)


def _policies(config: StorageConfig, *, batches: bool) -> list[Policy]:
    compress = timedelta(days=config.compress_after_days)
    wanted = [
        Policy(
            table,
            "policy_compression",
            "compress_after",
            compress,
            f"SELECT add_compression_policy('{table}', compress_after => %s)",
            f"SELECT remove_compression_policy('{table}', if_exists => true)",
        )
        for table in ("reading", "event")
    ]
    wanted += [
        Policy(
            view,
            "policy_refresh_continuous_aggregate",
            "start_offset",
            _window(view, config),
            f"SELECT add_continuous_aggregate_policy('{view}', start_offset => %s,"
            f" end_offset => interval '{end.total_seconds():.0f} s',"
            f" schedule_interval => interval '{every.total_seconds():.0f} s'"
            + (f", buckets_per_batch => {buckets})" if batches else ")"),
            f"SELECT remove_continuous_aggregate_policy('{view}', if_exists => true)",
        )
        for view, (end, every, buckets) in _REFRESH.items()
    ]
    wanted.append(
        Policy(
            "reading",
            "policy_retention",
            "drop_after",
            timedelta(days=config.keep_readings_days),
            "SELECT add_retention_policy('reading', drop_after => %s)",
            "SELECT remove_retention_policy('reading', if_exists => true)",
        )
    )
    return wanted


def _window(view: str, config: StorageConfig) -> timedelta:
    if view in {"posting_day", "stock_use_week"}:
        return _POSTINGS_LATE_MAX
    return timedelta(days=config.refresh_days + (1 if view == "reading_day" else 0))


def _takes_batches(connection: Connection) -> bool:
    row = connection.execute(
        "SELECT coalesce(bool_or('buckets_per_batch' = ANY (proargnames)), false) FROM pg_proc"
        " WHERE proname = 'add_continuous_aggregate_policy'"
    ).fetchone()
    return row is not None and bool(row[0])


def _settle(connection: Connection, policy: Policy, config: StorageConfig) -> list[str]:
    found = connection.execute(
        "SELECT (j.config->>%s)::interval FROM timescaledb_information.jobs j"
        " LEFT JOIN timescaledb_information.continuous_aggregates c"
        " ON j.hypertable_name IN (c.view_name, c.materialization_hypertable_name)"
        " WHERE j.proc_name = %s AND coalesce(c.view_name, j.hypertable_name) = %s",
        (policy.setting, policy.procedure, policy.relation),
    ).fetchall()
    unwanted = policy.procedure == "policy_retention" and not config.keep_readings_days
    if [row[0] for row in found] == ([] if unwanted else [policy.age]):
        return []
    connection.execute(policy.remove.encode())
    if unwanted:
        return [f"{policy.relation}: {policy.procedure} removed"]
    connection.execute(policy.add.encode(), (policy.age,))
    return [f"{policy.relation}: {policy.procedure} with {policy.setting} {policy.age.days} days"]


def _drop_old_months(connection: Connection, config: StorageConfig, now: datetime) -> tuple[str, ...]:
    if not config.keep_readings_days:
        return ()
    oldest = now.astimezone(UTC) - timedelta(days=config.keep_readings_days)
    kept_from = Month(oldest.year, oldest.month).start
    refresh_dirty(connection)
    dropped = []
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
        old = _months_before(connection, kept_from)
        for name in (*old, "reading_default"):
            # From here on nobody adds to it; what was added before is summed up, or its mark stands.
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(name)))
        if _is_marked(connection, kept_from):
            _LOG.info("readings before %s wait to be summed up: they are dropped at the next round", kept_from)
            return ()
        connection.execute(
            "INSERT INTO reading_floor (kept_from) VALUES (%(from)s) ON CONFLICT (only_row) DO UPDATE"
            " SET kept_from = greatest(reading_floor.kept_from, %(from)s)",
            {"from": kept_from},
        )
        for name in old:
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
            dropped.append(f"{name} dropped")
        late = connection.execute("DELETE FROM reading_default WHERE occurred_at < %s", (kept_from,)).rowcount
    if late:
        dropped.append(f"{late} readings before {kept_from:%Y-%m-%d} dropped from reading_default")
    return tuple(dropped)


def _months_before(connection: Connection, kept_from: datetime) -> list[str]:
    names = connection.execute(
        r"SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        r" WHERE inhparent = 'reading'::regclass AND relname ~ '^reading_y[0-9]{4}m[0-9]{2}$' ORDER BY relname"
    ).fetchall()
    months = {name: Month(int(name[9:13]), int(name[14:16])) for (name,) in names}
    return [name for name, month in months.items() if month.plus(1).start <= kept_from]


def _is_marked(connection: Connection, kept_from: datetime) -> bool:
    """True if rows came in before `kept_from` that are not in the sums; those below the floor never will be."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM reading_dirty WHERE slot < %s"
        " AND slot >= coalesce((SELECT kept_from FROM reading_floor), '-infinity'))",
        (kept_from,),
    ).fetchone()
    return row is not None and bool(row[0])
