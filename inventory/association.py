"""Judging the elements of one pack together: repeated, excluded and required Application Identifiers.

GS1 judges "over the combined data received from all GS1 carriers marking a physical item" (Barcode Syntax Dictionary),
so a symbol that names no key is only warned about until it is said that there is no other symbol (`complete`).
"""

from collections.abc import Iterator, Sequence

from inventory.association_rules import IDENTIFICATION_KEYS, SERIAL_STARTS_AT, matches, rule_of
from inventory.element import Element
from inventory.problem import Problem

_NEEDS_A_KEY_AT_ONCE = frozenset({"8030"})
"""A digital signature stands in the symbol of what it signs: it is never a symbol of its own."""


def judge(elements: Sequence[Element], *, complete: bool) -> tuple[list[Problem], list[Problem]]:
    """Errors and warnings of the elements of a pack; `complete` says that no other symbol of it is to come."""
    errors = [*_repeated(elements), *_excluded(elements)]
    missing = list(_missing(elements))
    has_key = any(element.ai in IDENTIFICATION_KEYS for element in elements)
    if complete or has_key or any(element.ai in _NEEDS_A_KEY_AT_ONCE for element in elements):
        return errors + missing, []
    if not missing:
        return errors, []
    ais = ", ".join(f"({element.ai})" for element in elements)
    warning = f"no key such as (01) or (00) beside {ais}: scan the other symbol of the pack too"
    return errors, [Problem("key_missing", warning)]


def _repeated(elements: Sequence[Element]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for element in elements:
        known = first.setdefault(element.ai, element.value)
        if known != element.value:
            text = f"({element.ai}) stands twice with different values, {known!r} and {element.value!r}"
            yield Problem("repeated", text)


def _excluded(elements: Sequence[Element]) -> Iterator[Problem]:
    ais = list(dict.fromkeys(element.ai for element in elements))
    seen: set[frozenset[str]] = set()
    for ai in ais:
        for pattern in rule_of(ai).excluded:
            for other in ais:
                pair = frozenset({ai, other})
                if other != ai and matches(pattern, other) and pair not in seen:
                    seen.add(pair)
                    yield Problem("excluded", f"({ai}) and ({other}) must not stand together on one pack")


def _missing(elements: Sequence[Element]) -> Iterator[Problem]:
    ais = {element.ai for element in elements}
    for ai in dict.fromkeys(element.ai for element in elements):
        for alternatives in rule_of(ai).required:
            if not any(_satisfied(alternative, ais) for alternative in alternatives):
                wanted = " or ".join(_readable(alternative) for alternative in alternatives)
                yield Problem("required", f"({ai}) needs {wanted} on the same pack")
    if "8030" in ais:
        yield from _signature_without_serial(elements)


def _signature_without_serial(elements: Sequence[Element]) -> Iterator[Problem]:
    for element in elements:
        starts_at = SERIAL_STARTS_AT.get(element.ai)
        if starts_at is not None and len(element.value) <= starts_at:
            text = f"(8030) signs a single item, but ({element.ai}){element.value} has no serial number"
            yield Problem("required", text)


def _satisfied(alternative: str, ais: set[str]) -> bool:
    return all(any(matches(pattern, ai) for ai in ais) for pattern in alternative.split("+"))


def _readable(alternative: str) -> str:
    return " with ".join(f"({pattern})" for pattern in alternative.split("+"))
