"""Which Application Identifiers stand where in a GS1 Digital Link URI (Barcode Syntax Dictionary, dlpkey= and `?`)."""

from typing import Final

QUALIFIERS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "00": ((),),
    "01": (("22", "10", "21"), ("235",)),
    "253": ((),),
    "255": ((),),
    "401": ((),),
    "402": ((),),
    "414": (("254",), ("7040",)),
    "415": (("8020",),),
    "417": (("7040",),),
    "8003": ((),),
    "8004": (("7040",),),
    "8006": (("22", "10", "21"),),
    "8010": (("8011",),),
    "8013": ((),),
    "8017": (("8019",),),
    "8018": (("8019",),),
}
"""Primary keys, each with the alternatives of qualifiers that may follow it in the path, in this order."""

NOT_ATTRIBUTES: Final = frozenset({"03", "21", "22", "235", "254", "8011", "8014", "8019", "8020", "8200"})
"""AIs that must not stand in the query part (no `?` flag)."""


def qualifiers_in_order(key: str, qualifiers: list[str]) -> bool:
    """Whether `qualifiers` are some of those of `key`, in the order of one alternative."""
    return any(_is_subsequence(qualifiers, alternative) for alternative in QUALIFIERS[key])


def is_qualifier_of(key: str, ai: str) -> bool:
    """Whether `ai` belongs into the path after `key`."""
    return any(ai in alternative for alternative in QUALIFIERS[key])


def _is_subsequence(wanted: list[str], allowed: tuple[str, ...]) -> bool:
    remaining = iter(allowed)
    return all(ai in remaining for ai in wanted)
