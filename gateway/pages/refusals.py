"""Refusals said to people: a code's sentence in the reader's language, its facts written as people write them.

Each fact is told by what its name says it is: a product by its name, a quantity with the product's unit, a place and a
person by name, days and times as dd/mm/yyyy, a hold by kind, time, person and reason.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from gateway.pages.catalogue_words import STORAGE
from gateway.pages.reasons import MENDS, UNKNOWN_CODE
from gateway.pages.refusal_words import DECISIONS, FINDINGS, NO_LOT, NOBODY, NOWHERE, REFUSALS, STATES
from gateway.pages.speech import Speech
from gateway.pages.translations import N_
from gateway.pages.visit_words import PHASES
from gateway.pages.work_out_words import OUTSIDE, WHY
from gateway.stock.names import Names

_PLACE: Final = "place:"
_NAMED: Final = re.compile(r"%\((\w+)\)s")
_PRODUCTS: Final = frozenset({"product", "books_product"})
_PLACES: Final = frozenset({"place", "account", "elsewhere"})
_PEOPLE: Final = frozenset({"person", "holders"})


@dataclass(frozen=True)
class Teller:
    """Says the facts of refusals in one language."""

    speech: Speech
    names: Names

    def sentence(self, code: str, values: Mapping[str, object]) -> str:
        """What is refused and what mends it; of a code that nobody wrote a sentence for, that it was refused."""
        sentence, facts = REFUSALS.get(code, REFUSALS["refused"]), self.facts(values)
        if not set(_NAMED.findall(sentence)) <= set(facts):
            sentence = REFUSALS["refused"]
        return self.speech.text(sentence, **facts)

    def facts(self, values: Mapping[str, object]) -> dict[str, str]:
        """Each fact as people write it."""
        return {name: self._fact(name, value, values) for name, value in values.items()}

    def place(self, identity: object) -> str:
        """By its id, or by the id of its account."""
        place_id = str(identity).removeprefix(_PLACE)
        if place_id in self.names.places:
            return self.speech.named(*self.names.places[place_id])
        return self.speech.text(OUTSIDE[place_id]) if place_id in OUTSIDE else place_id

    def person(self, username: object) -> str:
        """By user name; `name, document` keeps the document."""
        name, comma, rest = str(username).partition(", ")
        return f"{self.names.people.get(name, name)}{comma}{rest}"

    def why(self, reasons: Iterable[Mapping[str, Any]]) -> str:
        """Why stock is not given out: every reason, the weightiest first."""
        return "; ".join(self._reason(one) for one in reasons)

    def _reason(self, facts: Mapping[str, Any]) -> str:
        known = {**facts, "by": self.person(facts.get("by", ""))}
        for name, value in facts.items():
            if isinstance(value, date):
                known[name] = self._moment(value)
        return self.speech.text(WHY[str(facts["why"])], **known)

    def _moment(self, value: date) -> str:
        if isinstance(value, datetime):
            return f"{self.speech.local(value):%d/%m/%Y %H:%M}"
        return self.speech.day(value)

    def _fact(self, name: str, value: object, values: Mapping[str, object]) -> str:
        if name in TELLERS:
            return TELLERS[name](self, value, values)
        if isinstance(value, date):
            return self._moment(value)
        return self.speech.whole(value) if isinstance(value, int) else str(value)

    def _product(self, value: object, _values: Mapping[str, object]) -> str:
        known = self.names.products.get(str(value))
        return self.speech.named(known.name_vi, known.name_en) if known else str(value)

    def _units(self, value: object, values: Mapping[str, object]) -> str:
        known = self.names.products.get(str(values.get("product")))
        number = self.speech.whole(value) if isinstance(value, int) else str(value)
        return f"{number} {self.speech.named(known.unit_vi, known.unit_en)}" if known else number

    def _lot(self, value: object, _values: Mapping[str, object]) -> str:
        return str(value) if value else self.speech.text(NO_LOT)

    def _where(self, value: object, _values: Mapping[str, object]) -> str:
        if isinstance(value, str) or not isinstance(value, Iterable):
            return self.place(value)
        return ", ".join(self.place(one) for one in value) or self.speech.text(NOWHERE)

    def _who(self, value: object, _values: Mapping[str, object]) -> str:
        if isinstance(value, str) or not isinstance(value, Iterable):
            return self.person(value)
        return "; ".join(self.person(one) for one in value) or self.speech.text(NOBODY)

    def _reasons(self, value: object, _values: Mapping[str, object]) -> str:
        return self.why(value) if isinstance(value, list) else str(value)

    def _problem(self, value: object, _values: Mapping[str, object]) -> str:
        mend = MENDS.get(str(value), UNKNOWN_CODE)
        return f"{self.speech.text(mend.what)} {self.speech.text(mend.mend)}"


def _word(words: Mapping[str, str]) -> Callable[[Teller, object, Mapping[str, object]], str]:
    def tell(teller: Teller, value: object, _values: Mapping[str, object]) -> str:
        each = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
        return ", ".join(teller.speech.text(words[str(one)]) if str(one) in words else str(one) for one in each)

    return tell


_UNITS: Final = (
    *("quantity", "wanted", "free", "on_hand", "promised", "missing"),
    *("units", "taken", "made", "given", "received"),
)
TELLERS: Final[Mapping[str, Callable[[Teller, object, Mapping[str, object]], str]]] = MappingProxyType(
    {
        **dict.fromkeys(_PRODUCTS, Teller._product),  # noqa: SLF001 - this module's own
        **dict.fromkeys(_PLACES, Teller._where),  # noqa: SLF001 - as above
        **dict.fromkeys(_PEOPLE, Teller._who),  # noqa: SLF001 - as above
        **dict.fromkeys(_UNITS, Teller._units),  # noqa: SLF001 - as above
        **dict.fromkeys(("lot", "code_lot", "books_lot"), Teller._lot),  # noqa: SLF001 - as above
        "why": Teller._reasons,  # noqa: SLF001 - as above
        "problem": Teller._problem,  # noqa: SLF001 - as above
        "state": _word(STATES),
        **dict.fromkeys(("decision", "fitting"), _word(DECISIONS)),
        "phase": _word(PHASES),
        "outcome": _word(FINDINGS),
        **dict.fromkeys(("needed", "stored"), _word(STORAGE)),
    }
)
"""How a fact is told, by its name."""
PLAIN: Final = frozenset(
    {"ticket", "pack", "gtin", "number", "text", "epc", "count", "most", "arrival", "account_name"}
    | {"at", "began_at", "first", "last", "date"}
)
"""Facts that are written as they are; days and times as people write them."""
TITLE: Final = N_("This can't be done")


def subjects(values: Mapping[str, object]) -> tuple[set[str], set[str], set[str]]:
    """(products, places, people) whose names a telling of these facts needs."""
    found: dict[frozenset[str], set[str]] = {_PRODUCTS: set(), _PLACES: set(), _PEOPLE: set()}
    for name, value in values.items():
        for kind, ids in found.items():
            if name in kind:
                each = [value] if isinstance(value, str) or not isinstance(value, Iterable) else value
                ids.update(str(one) for one in each if one)
    reasons = values.get("why")
    people = {str(one).partition(", ")[0] for one in found[_PEOPLE]}
    if isinstance(reasons, list):
        people.update(str(one["by"]) for one in reasons if "by" in one)
    return found[_PRODUCTS], {one.removeprefix(_PLACE) for one in found[_PLACES]}, people
