"""What an import does, or would do: each row new, changed (from what to what), the same, or refused and why."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from inventory.catalogue_columns import ImportKind, heading_of
from inventory.catalogue_row import Finding

Verdict = Literal["new", "changed", "same", "problem"]


@dataclass(frozen=True)
class Change:
    """One value that is not as it was."""

    field: str
    """The column's key."""
    old: str
    """Empty: there was none."""
    new: str


@dataclass(frozen=True)
class Outcome:
    """What becomes of one row."""

    row: int
    key: str
    """Which product, lot, place or level, for people."""
    verdict: Verdict
    changes: tuple[Change, ...] = ()


@dataclass
class Plan:
    """What is to be written, as far as it is known."""

    kind: ImportKind
    outcomes: list[Outcome] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    write: Callable[[], None] = lambda: None
    """Writes all that is new or changed; called only if there is no problem."""

    def problem(self, row: int, key: str, code: str, value: object = "", /, **values: object) -> None:
        """Something that the database makes impossible."""
        words = {name: text(each) for name, each in values.items()}
        self.findings.append(Finding(row, self._column(key), code, text(value), words))

    def hint(self, row: int, key: str, code: str, value: object = "", /, **values: object) -> None:
        """Something worth a look."""
        words = {name: text(each) for name, each in values.items()}
        self.findings.append(Finding(row, self._column(key), code, text(value), words, "hint"))

    def _column(self, key: str) -> str:
        return heading_of(self.kind, key) if key else ""

    def note(self, row: int, key: str, *, new: bool, changes: Sequence[Change]) -> bool:
        """Enter a row's outcome; whether there is something to write."""
        if any(each.row == row and each.severity == "problem" for each in self.findings):
            self.outcomes.append(Outcome(row, key, "problem", tuple(changes)))
            return False
        self.outcomes.append(Outcome(row, key, "new" if new else "changed" if changes else "same", tuple(changes)))
        return new or bool(changes)


@dataclass(frozen=True)
class ImportReport:
    """What was found in a file and what came of it."""

    kind: ImportKind
    file_name: str
    file_sha256: str
    """Hexadecimal."""
    read_as: str
    rows: int
    new: int
    changed: int
    same: int
    problems: int
    """Findings that forbid the import; with one of them nothing is written."""
    hints: int
    dry_run: bool
    written: bool
    findings: tuple[Finding, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def ok(self) -> bool:
        """Whether it was, or could be, taken over."""
        return self.problems == 0


def text(value: object) -> str:
    """A value as a report shows it: dates as Viet Nam writes them, no zeros behind a price."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value)


def changes_of(pairs: Iterable[tuple[str, object, object]]) -> list[Change]:
    """Of (key, old, new) those that differ; a new value None says nothing."""
    return [Change(key, text(old), text(new)) for key, old, new in pairs if new is not None and old != new]
