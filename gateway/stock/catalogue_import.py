"""A catalogue file into the database: checked whole, told row by row, written whole or not at all, twice the same.

Nothing is ever deleted: a product that is no longer used is retired, a place stays. What stock stands on (base unit,
pack size) can't be changed while there is stock. A further import of the same file changes nothing.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.stock import locks
from gateway.stock.import_lots import plan_lots
from gateway.stock.import_opening import Opener, plan_opening
from gateway.stock.import_places import plan_levels, plan_places
from gateway.stock.import_products import plan_products
from gateway.stock.import_report import ImportReport, Outcome, Plan
from gateway.stock.lines import HOSPITAL_ZONE
from gateway.stock.table_file import TableFileError, read_table, short_name
from inventory.catalogue_columns import ImportKind
from inventory.catalogue_products import read_products
from inventory.catalogue_row import Checked, Finding, TableRow
from inventory.catalogue_stock_rows import read_levels, read_lots, read_opening_stock, read_places

_CHANGES_AUDITED: Final = 500
"""Rows whose changes stand in the audit one by one; of more, the first."""


@dataclass(frozen=True)
class ImportRequest:
    """What is to be taken over, and who does it."""

    kind: ImportKind
    data: bytes
    file_name: str
    person: str
    now: datetime
    client: Literal["web", "api", "cli"]
    dry_run: bool = False
    zone: ZoneInfo = field(default=HOSPITAL_ZONE)

    @property
    def today(self) -> date:
        """The hospital's day."""
        return self.now.astimezone(self.zone).date()

    @property
    def sha256(self) -> str:
        """Of the file, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def import_catalogue(connection: Connection, request: ImportRequest) -> ImportReport:
    """Take a file over, or say what that would do; in a transaction of its own. Problems are told, not raised."""
    try:
        table = read_table(request.data, request.kind)
    except TableFileError as error:
        return _report(request, "", 0, [Finding(0, "", error.code, "", error.values)], (), written=False)
    checked = _check(request, table.rows)
    findings = list(checked.findings)
    items = checked.items if not checked.problems else _sound_items(request.kind, checked)
    if checked.problems and not items:
        return _report(request, table.read_as, checked.rows, findings, (), written=False)
    with connection.transaction():
        if not request.dry_run and not checked.problems:
            # Until the end nobody books: a base unit can't change between the look at the stock and the change.
            locks.enter_alone(connection)
        plan = _PLANNERS[request.kind](connection, items, request)
        findings += plan.findings
        good = all(each.severity != "problem" for each in findings)
        if good and not request.dry_run:
            plan.write()
            _audit(connection, request, plan)
    written = good and not request.dry_run
    return _report(request, table.read_as, checked.rows, findings, plan.outcomes, written=written)


def _check(request: ImportRequest, rows: Sequence[TableRow]) -> Checked[Any]:
    readers: dict[ImportKind, Callable[[], Checked[Any]]] = {
        "products": lambda: read_products(rows),
        "lots": lambda: read_lots(rows, request.today),
        "places": lambda: read_places(rows),
        "levels": lambda: read_levels(rows),
        "opening-stock": lambda: read_opening_stock(rows, request.today),
    }
    return readers[request.kind]()


def _sound_items(kind: ImportKind, checked: Checked[Any]) -> Sequence[Any]:
    """Of a file that will not be taken over: what the database says to its sound rows is told all the same.

    Not of places, which stand in one another: without the rows that are wrong the others would seem to stand nowhere.
    Nor where a whole column of days may be read wrongly.
    """
    wrong = {each.row for each in checked.findings if each.severity == "problem"}
    if kind == "places" or any(each.code == "date_swapped" for each in checked.findings):
        return ()
    return [item for item in checked.items if item.row not in wrong]


def _opener(request: ImportRequest) -> Opener:
    note = f"{short_name(request.file_name)} (sha256 {request.sha256[:16]})"
    return Opener(request.person, request.now, request.client, request.zone, note)


_PLANNERS: Final[dict[ImportKind, Callable[[Connection, Sequence[Any], ImportRequest], Plan]]] = {
    "products": lambda connection, items, request: plan_products(connection, items, request.now),
    "lots": lambda connection, items, _request: plan_lots(connection, items),
    "places": lambda connection, items, _request: plan_places(connection, items),
    "levels": lambda connection, items, _request: plan_levels(connection, items),
    "opening-stock": lambda connection, items, request: plan_opening(connection, items, _opener(request)),
}


def _report(
    request: ImportRequest,
    read_as: str,
    rows: int,
    findings: Sequence[Finding],
    outcomes: Sequence[Outcome],
    *,
    written: bool,
) -> ImportReport:
    verdicts = [outcome.verdict for outcome in outcomes]
    problems = sum(each.severity == "problem" for each in findings)
    return ImportReport(
        kind=request.kind,
        file_name=short_name(request.file_name),
        file_sha256=request.sha256,
        read_as=read_as,
        rows=rows,
        new=verdicts.count("new"),
        changed=verdicts.count("changed"),
        same=verdicts.count("same"),
        problems=problems,
        hints=len(findings) - problems,
        dry_run=request.dry_run,
        written=written,
        findings=tuple(sorted(findings, key=lambda each: each.row)),
        outcomes=tuple(outcomes),
    )


def _audit(connection: Connection, request: ImportRequest, plan: Plan) -> None:
    """Who, when, which file, and what it changed from what to what."""
    changed = [outcome for outcome in plan.outcomes if outcome.verdict in {"new", "changed"}]
    detail = {
        "file": short_name(request.file_name),
        "sha256": request.sha256,
        "client": request.client,
        "rows": len(plan.outcomes),
        "changed_rows": len(changed),
        "changes": [
            {"key": one.key, "verdict": one.verdict, "changes": [[c.field, c.old, c.new] for c in one.changes]}
            for one in changed[:_CHANGES_AUDITED]
        ],
    }
    connection.execute(
        "INSERT INTO audit (at, username, action, object, detail) VALUES (%s, %s, %s, %s, %s)",
        (request.now, request.person, "catalogue_import", request.kind, Jsonb(detail)),
    )
