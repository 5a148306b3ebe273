"""Rows of a catalogue: from the cells of a table to products, lots, places, levels and opening stock.

Nothing is raised: everything that is wrong with a table is found and listed, each finding with its row, column and
value. A cell that is empty says nothing, so it changes nothing; a single hyphen says that there is none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Final, Generic, Literal, TypeVar

from inventory import check_digit
from inventory.catalogue_columns import ImportKind, matches, read_header
from inventory.errors import CodeError
from inventory.folding import folded
from inventory.gtin import LENGTHS, Gtin
from inventory.registration_number import is_known_form, split_numbers
from inventory.table_cell import (
    Cell,
    CellError,
    Hint,
    Read,
    as_text,
    clean,
    has_lost_digits,
    is_empty,
    read_identifier,
    refuse_no_value,
    shown,
    whole_digits,
)
from inventory.table_date import are_swapped

T = TypeVar("T")
NONE: Final = "-"
"""Stands in a cell for: there is none."""
_HEADER_SEARCHED: Final = 20
"""Rows: above the header there may be the hospital's name and a title."""


@dataclass(frozen=True)
class TableRow:
    """One row as it stands in the file."""

    number: int
    """From 1, as a spreadsheet counts."""
    cells: tuple[Cell, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing stands in it."""
        return all(is_empty(cell) for cell in self.cells)


@dataclass(frozen=True)
class Finding:
    """Something wrong with a file, or worth a look."""

    row: int
    """From 1; 0: the whole file."""
    column: str
    """As the file names it; empty: the whole row."""
    code: str
    """Stable; the words for it are a page's."""
    value: str = ""
    """What stands there."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What the words need further, such as what was expected."""
    severity: Literal["problem", "hint"] = "problem"


@dataclass(frozen=True)
class Checked(Generic[T]):
    """What a table says."""

    items: tuple[T, ...]
    findings: tuple[Finding, ...]
    rows: int
    """Rows with something in them, the header not counted."""

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What has to be mended before anything is written."""
        return tuple(each for each in self.findings if each.severity == "problem")


@dataclass
class Row:
    """One row while it is read: collects what is wrong with it."""

    number: int
    cells: Mapping[str, Cell]
    names: Mapping[str, str]
    findings: list[Finding] = field(default_factory=list)

    def has(self, key: str) -> bool:
        """Whether something stands in this column."""
        return not is_empty(self.cells.get(key))

    def says_none(self, key: str) -> bool:
        """Whether it says that there is none."""
        cell = self.cells.get(key)
        return isinstance(cell, str) and clean(cell) == NONE

    def read(self, key: str, reader: Callable[[Cell], Read[T]], *, required: bool = False) -> T | None:
        """The cell's value; None if it is empty, or wrong and now listed."""
        cell = self.cells.get(key)
        if is_empty(cell) or self.says_none(key):
            if required:
                self.problem(key, "required")
            return None
        try:
            read = reader(cell)
        except CellError as error:
            self.problem(key, error.code, **error.values)
            return None
        if read.hint is not None:
            self.hint(key, read.hint.code, **read.hint.values)
        return read.value

    def text(self, key: str, length_max: int = 300) -> str | None:
        """A text; empty for a hyphen, None where nothing stands."""
        if self.says_none(key):
            return ""
        return self.read(key, lambda cell: Read(as_text(cell, length_max)))

    def identifier(self, key: str, length_max: int) -> str | None:
        """A code that must be there."""
        return self.read(key, lambda cell: read_identifier(cell, length_max), required=True)

    def choice(self, key: str, words: Mapping[str, str]) -> str | None:
        """One of a few, by any of its words."""
        return self.read(key, lambda cell: _choice(cell, words))

    def flag(self, key: str) -> bool | None:
        """Yes or no."""
        return self.read(key, _flag)

    def problem(self, key: str, code: str, **values: str) -> None:
        """List what is wrong."""
        self.findings.append(self._finding(key, code, values, "problem"))

    def hint(self, key: str, code: str, **values: str) -> None:
        """List what is worth a look."""
        self.findings.append(self._finding(key, code, values, "hint"))

    def _finding(self, key: str, code: str, values: Mapping[str, str], severity: Literal["problem", "hint"]) -> Finding:
        name = self.names.get(key, key)
        return Finding(self.number, name, code, shown(self.cells.get(key)), MappingProxyType(dict(values)), severity)

    @property
    def good(self) -> bool:
        """Whether no problem was found in it."""
        return all(each.severity != "problem" for each in self.findings)


@dataclass(frozen=True)
class Opened:
    """A table whose header is understood."""

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]


def open_table(kind: ImportKind, table: Sequence[TableRow], date_keys: Sequence[str] = ()) -> Opened:
    """Find the header, match its columns, and hand out the rows below it that hold something."""
    filled = [row for row in table if not row.empty]
    if not filled:
        return Opened((), (Finding(0, "", "empty_file"),))
    start = max(range(min(len(filled), _HEADER_SEARCHED)), key=lambda at: (matches(kind, _names(filled[at])), -at))
    names = _names(filled[start])
    header = read_header(kind, names)
    findings = [
        Finding(
            filled[start].number,
            fault.name if fault.position >= 0 else "",
            fault.code,
            fault.name,
            MappingProxyType({"other": fault.other}),
        )
        for fault in header.faults
    ]
    below = filled[start + 1 :]
    findings += _below_no_name(below, names)
    if findings:
        return Opened((), tuple(findings))
    if not below:
        return Opened((), (Finding(0, "", "empty_file"),))
    shown_names = {key: names[position] for key, position in header.positions.items()}
    rows = tuple(Row(row.number, _by_key(row, header.positions), shown_names) for row in below)
    swapped = [key for key in date_keys if are_swapped(row.cells.get(key) for row in rows)]
    mixed = tuple(Finding(filled[start].number, shown_names[key], "date_swapped") for key in swapped)
    return Opened(rows, mixed)


def _names(row: TableRow) -> list[str]:
    return [clean(cell) if isinstance(cell, str) else shown(cell) for cell in row.cells]


def _by_key(row: TableRow, positions: Mapping[str, int]) -> dict[str, Cell]:
    return {key: row.cells[at] if at < len(row.cells) else None for key, at in positions.items()}


def _below_no_name(rows: Sequence[TableRow], names: Sequence[str]) -> Iterator[Finding]:
    """One finding for each column without a name that something stands in."""
    told: set[int] = set()
    for row in rows:
        for at, cell in enumerate(row.cells):
            if at not in told and not (at < len(names) and names[at]) and not is_empty(cell):
                told.add(at)
                yield Finding(row.number, letters(at), "unnamed_column", shown(cell))


def letters(position: int) -> str:
    """A column's letters in a spreadsheet: 0 is A, 26 is AA."""
    text = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def read_gtin(cell: Cell) -> Read[str]:
    """A GTIN as 14 digits.

    A spreadsheet takes the zeros from the front of a number and nothing else, so a *number* whose check digit is right
    gets them back (GS1 General Specifications 7.9: zeros in front do not change the check digit).

    Raises:
        CellError: `digits_lost`, `gtin_character`, `gtin_length`, `gtin_check_digit`, or no value.
    """
    refuse_no_value(cell)
    number = whole_digits(cell)
    if number is not None and number.isdecimal() and len(number) not in LENGTHS and 0 < len(number) < LENGTHS[-1]:
        value = _gtin(number.zfill(LENGTHS[-1]))
        return Read(value, Hint("gtin_zeros", {"gtin": value}))
    if isinstance(cell, str):
        text = clean(cell).replace(" ", "").replace("-", "")
    elif number is not None:
        text = number
    else:
        raise CellError("gtin_character")
    if has_lost_digits(text) and not text.isdecimal():
        raise CellError("digits_lost")
    return Read(_gtin(text))


def _gtin(text: str) -> str:
    try:
        return Gtin.parse(text).value
    except CodeError as error:
        if error.code == "check_digit":
            raise CellError("gtin_check_digit", digit=check_digit.check_digit(text[:-1])) from None
        raise CellError(f"gtin_{error.code}", length=len(text)) from None


def read_registrations(cell: Cell) -> Read[tuple[str, ...]]:
    """Registration numbers: text always.

    Raises:
        CellError: `digits_lost`, `too_long`, or what `as_text` refuses.
    """
    if isinstance(cell, str) and has_lost_digits(clean(cell)):
        raise CellError("digits_lost")
    joined = ";".join(cell.splitlines()) if isinstance(cell, str) else cell
    text = as_text(joined, 600)
    try:
        numbers = split_numbers(text)
    except CodeError:
        raise CellError("too_long", limit=60, length=len(text)) from None
    odd = [number for number in numbers if not is_known_form(number)]
    return Read(numbers, Hint("registration_form", {"numbers": ", ".join(odd)}) if odd else None)


_YES: Final = frozenset({"co", "yes", "y", "x", "1", "true", "dung"})
_NO: Final = frozenset({"khong", "no", "n", "0", "false", "sai"})


def _flag(cell: Cell) -> Read[bool]:
    refuse_no_value(cell)
    if isinstance(cell, bool):
        return Read(cell)
    word = folded(as_text(cell))
    if word not in _YES | _NO:
        raise CellError("yes_no")
    return Read(word in _YES)


def _choice(cell: Cell, words: Mapping[str, str]) -> Read[str]:
    found = words.get(choice_word(as_text(cell)))
    if found is None:
        raise CellError("choice", allowed=", ".join(dict.fromkeys(words.values())))
    return Read(found)


def choice_word(text: str) -> str:
    """A word of a choice as it is compared: folded, dashes alike, no spaces and no degree signs."""
    return "".join(each for each in folded(text).replace("\N{EN DASH}", "-").replace("_", "-") if each not in " °º")


def choice_words(words: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
    """Every word of every choice, as it is compared; the choice's own name is one."""
    return MappingProxyType({choice_word(name): choice for choice, names in words.items() for name in (choice, *names)})


def check_expiry(row: Row, expiry: date | None, production: date | None, today: date) -> None:
    """An expiry before the manufacture, a manufacture in the future, goods that have expired."""
    if production is not None and production > today:
        row.problem("production_date", "production_future")
    if expiry is None:
        return
    if production is not None and expiry <= production:
        row.problem("expiry_date", "expiry_before_production", production=f"{production:%d/%m/%Y}")
    if expiry < today:
        row.hint("expiry_date", "expired")
