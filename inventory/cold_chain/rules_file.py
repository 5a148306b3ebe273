"""Rules as a hospital writes them: TOML, one `[[rule]]` each. Every problem is told at once, each with its rule."""

import tomllib
from typing import Any

from inventory.cold_chain.errors import ColdChainError, FileProblemsError
from inventory.cold_chain.rule import Quantity, Rule, check_rules

_THRESHOLDS: dict[str, Quantity] = {
    "threshold_celsius": "temperature_celsius",
    "threshold_percent": "relative_humidity_percent",
}
_KEYS = {
    "name",
    "side",
    *_THRESHOLDS,
    "inclusive",
    "mode",
    "minutes",
    "hysteresis_celsius",
    "severity",
    "source",
    "holds_stock",
}


def read_rules(text: str) -> tuple[Rule, ...]:
    """The rules of a file.

    Raises:
        FileProblemsError: what of it can't be understood, by rule and key.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileProblemsError((f"not TOML: {error}",)) from error
    tables = document.pop("rule", None)
    if document or not isinstance(tables, list):
        found = ", ".join(sorted(document)) or "none"
        raise FileProblemsError((f"expected only [[rule]] tables; found beside them: {found}",))
    rules: list[Rule] = []
    problems: list[str] = []
    for number, table in enumerate(tables, start=1):
        try:
            rules.append(_rule(number, table))
        except ColdChainError as error:
            problems.append(str(error))
    if not problems:
        try:
            return check_rules(tuple(rules))
        except ColdChainError as error:
            problems.append(str(error))
    raise FileProblemsError(tuple(problems))


def _rule(number: int, table: object) -> Rule:
    if not isinstance(table, dict):
        raise ColdChainError(f"rule {number}: expected a [[rule]] table, found {table!r}")
    where = f"rule {number} ({table.get('name', 'without name')!r})"
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise ColdChainError(f"{where}: unknown {', '.join(unknown)}: expected {', '.join(sorted(_KEYS))}")
    given = [key for key in _THRESHOLDS if key in table]
    if len(given) != 1:
        raise ColdChainError(f"{where}: expected one of {' and '.join(_THRESHOLDS)}")
    return Rule(
        name=_of(table, "name", where, str),
        side=_of(table, "side", where, str),
        threshold=_number(table, given[0], where),
        inclusive=_of(table, "inclusive", where, bool),
        mode=_of(table, "mode", where, str),
        minutes=_number(table, "minutes", where),
        hysteresis=_number(table, "hysteresis_celsius", where, 0.0),
        severity=_of(table, "severity", where, str, "critical"),
        source=_of(table, "source", where, str, ""),
        quantity=_THRESHOLDS[given[0]],
        holds_stock=_of(table, "holds_stock", where, bool, default=True),
    )


def _of(table: dict[str, Any], key: str, where: str, kind: type, default: object = None) -> Any:  # noqa: ANN401 - TOML
    value = table.get(key, default)
    if not isinstance(value, kind):
        words = {str: "text", bool: "true or false"}[kind]
        raise ColdChainError(f"{where}: {key} {value!r}: expected {words}")
    return value


def _number(table: dict[str, Any], key: str, where: str, default: float | None = None) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ColdChainError(f"{where}: {key} {value!r}: expected a number")
    return float(value)
