"""Finding people: exact numbers first, then names without accents. The database sees only HMACs of it."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from gateway.db.pool import Connection
from gateway.people.blind_index import ExactKind, exact_index, fold, normal_form, search_tokens
from gateway.people.keys import PeopleKeys
from gateway.people.person import Patient
from gateway.people.records import SEALED, open_values, read_rows
from inventory.citizen_card import parse_citizen_qr
from inventory.errors import CodeError
from inventory.insurance_card import parse_insurance_qr

TEXT_CHARACTERS_MAX: Final = 800
"""A QR code with an address; longer is nothing that names a person."""
LIMIT_MAX: Final = 100
_LOOKED_AT_MAX: Final = 2000
"""Of a name so common that more begin so, the ones registered last are looked at."""
_EXACT: Final[dict[ExactKind, str]] = {
    "patient_number": "patient_number_index",
    "citizen_id": "citizen_id_index",
    "insurance_number": "insurance_number_index",
    "phone": "phone_index",
}
_NAMED: Final = (
    "SELECT patient_id, full_name_sealed, birth_date_sealed FROM patient WHERE name_index @> %s::bigint[]"
    " AND merged_into IS NULL ORDER BY registered_at DESC LIMIT %s"
)
_DAY: Final = re.compile(r"\b([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})\b")
_YEAR: Final = re.compile(r"\b(19[0-9]{2}|20[0-9]{2})\b")


@dataclass(frozen=True)
class Wanted:
    """What a search text asks for."""

    numbers: tuple[tuple[ExactKind, str], ...] = ()
    words: tuple[str, ...] = ()
    """Folded."""
    born: date | None = None
    year: int | None = None


def read_text(text: str) -> Wanted:
    """A card's QR code, a number as it may be written, or words of a name, with a birth day or year behind it.

    What has digits in it may be a number; if nobody has it, it is taken for a name.
    """
    text = text.strip()[:TEXT_CHARACTERS_MAX]
    if "|" in text:
        return _read_card(text)
    kinds: tuple[ExactKind, ...] = ("patient_number", "citizen_id", "insurance_number", "phone")
    numbers = tuple((kind, text) for kind in kinds) if re.search("[0-9]", text) else ()
    day = _DAY.search(text)
    rest = _DAY.sub(" ", text)
    year = _YEAR.search(rest)
    words = fold(_YEAR.sub(" ", rest))
    return Wanted(numbers, words, _date(day), int(year[1]) if year and day is None else None)


def find_exact(connection: Connection, keys: PeopleKeys, kind: ExactKind, value: str) -> list[UUID]:
    """Surviving records with this number, each once."""
    if not normal_form(kind, value):
        return []
    statement = f"SELECT DISTINCT canonical_patient(patient_id) FROM patient WHERE {_EXACT[kind]} = %s"  # noqa: S608 - a column of ours
    rows = connection.execute(statement.encode(), (exact_index(keys, kind, value),))
    return [row[0] for row in rows]


def search(connection: Connection, keys: PeopleKeys, text: str, limit: int) -> list[Patient]:
    """Best first; see `People.search`."""
    wanted, limit = read_text(text), min(limit, LIMIT_MAX)
    ordered: list[UUID] = []
    for kind, number in wanted.numbers:
        ordered += find_exact(connection, keys, kind, number)
    if not ordered and wanted.words:
        ordered = _by_name(connection, keys, wanted)
    chosen = list(dict.fromkeys(ordered))[:limit]
    found = read_rows(connection, keys, chosen)
    return list({found[one].patient_id: found[one] for one in chosen if one in found}.values())


def _by_name(connection: Connection, keys: PeopleKeys, wanted: Wanted) -> list[UUID]:
    """Opened and compared: the HMACs of beginnings find a few too many."""
    tokens = search_tokens(keys, wanted.words)
    if not tokens:
        return []
    rows = connection.execute(_NAMED, (tokens, _LOOKED_AT_MAX), prepare=False).fetchall()
    at = SEALED.index("full_name"), SEALED.index("birth_date")
    ranked = []
    for patient_id, name, birth_date in rows:
        sealed = [None] * len(SEALED)
        sealed[at[0]], sealed[at[1]] = name, birth_date
        told = open_values(keys, patient_id, sealed)
        birth = told["birth_date"] or ""
        if wanted.born is not None and birth != wanted.born.isoformat():
            continue
        if wanted.year is not None and not birth.startswith(str(wanted.year)):
            continue
        score = _score(fold(told["full_name"] or ""), wanted.words)
        if score is not None:
            ranked.append((score, told["full_name"] or "", birth, patient_id))
    return [one[-1] for one in sorted(ranked, key=lambda one: (one[0], fold(one[1]), one[2]))]


def _score(name: tuple[str, ...], words: tuple[str, ...]) -> tuple[int, int] | None:
    """The lower the better: whole words before beginnings, in the order typed before another; None: not this one."""
    left, begun = list(name), 0
    for word in words:
        whole = next((one for one in left if one == word), None)
        found = whole or next((one for one in left if one.startswith(word)), None)
        if found is None:
            return None
        begun += whole is None
        left.remove(found)
    in_order = name[: len(words)] == words or name[-len(words) :] == words
    return begun, 0 if in_order else 1


def _read_card(text: str) -> Wanted:
    """Of a citizen's or an insurance card; what is neither finds nobody."""
    try:
        card = parse_insurance_qr(text)
    except CodeError:
        pass
    else:
        return Wanted((("insurance_number", card.number or card.bhxh_number),))
    try:
        citizen, _ = parse_citizen_qr(text)
    except CodeError:
        return Wanted()
    birth, words = citizen.birth_date, fold(citizen.full_name)
    # Somebody registered without the number is found by the card's name and day of birth.
    return Wanted((("citizen_id", citizen.number),), words if birth is not None else (), birth)


def _date(found: re.Match[str] | None) -> date | None:
    if found is None:
        return None
    try:
        return date(int(found[3]), int(found[2]), int(found[1]))
    except ValueError:
        return None
