"""A count by RFID as honest set logic: what the readers saw, what they did not see, and how sure that is.

A tag that is not seen is not a pack that is gone: metal and liquid shadow tags. So nothing here changes stock; each
finding comes with a proposal that a person takes up or not.

The model behind the confidence, all of it: passes are looks at the same standing stock. What one pass sees of the tags
that the other passes saw is how well that pass sees; a present tag escapes all passes with the product of what each
misses. That assumes tags that are equally easy to see and passes that fail independently. A tag behind metal is
neither, so the figures are hints, too good rather than too bad.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod, sqrt
from typing import Final, Literal

from inventory.epc import decode_epc
from inventory.errors import CodeError, InventoryError

Outcome = Literal["seen", "not_seen", "seen_elsewhere", "unknown", "foreign"]
"""`seen` where the books have it; `not_seen` in any pass; `seen_elsewhere` than the books have it; `unknown`: one of
our articles, but no pack that the books know; `foreign`: not one of our articles, or no EPC that can be read."""
Proposal = Literal["nothing", "look_for_it", "move_in_the_books", "check_which_place", "identify", "take_no_notice"]
Confidence = Literal["high", "low", "none"]

MISS_PROBABILITY_OF_HIGH: Final = 0.001
"""From here on "not seen" is called sure, within the model: one tag in a thousand that stand there."""
PASSES_OF_HIGH: Final = 2
"""A tag seen in two passes was hardly a stray read of something carried past."""
_WORD: Final = "0000"
_HEX: Final = frozenset("0123456789ABCDEF")


def canonical_epc(text: str) -> str:
    """Upper case without fill: readers hand over EPC memory in words of 16 bits, with or without zero words behind."""
    epc = text.strip().upper()
    while epc.endswith(_WORD) and len(epc) > len(_WORD):
        epc = epc[: -len(_WORD)]
    return epc


@dataclass(frozen=True)
class KnownTag:
    """A tag that the books know, and where they have its pack."""

    epc: str
    account_id: str
    """A place, or where it went: a dispensed pack that is read in a store is a finding too."""
    product_id: str
    lot: str
    units: int
    """Base units in the pack."""
    pack: str = ""
    """Name for people, such as the serial number."""

    def __post_init__(self) -> None:
        """Refuse a tag without EPC or a pack of fewer than no units.

        Raises:
            InventoryError: naming the value.
        """
        if not self.epc or self.units < 0:
            raise InventoryError(f"tag {self.epc!r} of {self.units} units: expected an EPC and 0 units or more")


@dataclass(frozen=True)
class ReadPass:
    """One look at one place: every tag read in it. The same number and place again is the same pass."""

    number: int
    account_id: str
    epcs: frozenset[str]
    """As read, either case; empty if the pass read nothing, which says something too."""


@dataclass(frozen=True)
class OurArticles:
    """What makes a tag ours, though the books do not know it."""

    gtins: frozenset[str] = frozenset()
    """Of the catalogue, fourteen digits."""
    company_prefixes: frozenset[str] = frozenset()
    """GS1 company prefixes of the house itself, which tags its shelves, trays and packs with them."""


@dataclass(frozen=True)
class TagFinding:
    """What the passes say about one tag."""

    epc: str
    outcome: Outcome
    proposal: Proposal
    confidence: Confidence
    known: KnownTag | None
    """None with `unknown` and `foreign`."""
    seen_at: tuple[str, ...]
    """Places where it was read."""
    passes_seen: int
    passes_made: int
    """Both at the place that the finding is about: where it was seen, or where the books have it."""
    gtin: str | None = None
    """Of an unknown or foreign tag, from its EPC."""
    serial_number: str | None = None

    @property
    def text(self) -> str:
        """For people, in English."""
        passes = f"{self.passes_seen} of {self.passes_made} passes"
        if self.known is None:
            what = "an article of ours, but no pack that the books know" if self.outcome == "unknown" else "not ours"
            return f"{what}: read at {', '.join(self.seen_at)} in {passes}"
        if self.outcome == "not_seen":
            return f"not seen at {self.known.account_id} in {self.passes_made} passes: look for it"
        if self.outcome == "seen":
            return f"seen at {self.known.account_id} in {passes}"
        return f"the books have it at {self.known.account_id}, read at {', '.join(self.seen_at)} in {passes}"


@dataclass(frozen=True)
class PlaceEstimate:
    """What the passes of one place say about what they did not see: hints, see the module's words on the model."""

    account_id: str
    passes: int
    tags_seen: int
    """Different tags, whatever they are."""
    miss_probability: float | None
    """That a present tag escapes all passes; None with fewer than two passes, which say nothing about themselves."""
    tags_estimated: float | None
    """Chapman's estimator (D. G. Chapman, 1951, Univ. California Publ. Statistics 1, 131-160) on odd against even
    passes: (n1 + 1)(n2 + 1) / (m + 1) - 1. None with fewer than two passes."""
    standard_error: float | None
    """Its square: (n1 + 1)(n2 + 1)(n1 - m)(n2 - m) / ((m + 1)^2 (m + 2)) (G. A. F. Seber, 1970, Biometrics 26)."""

    @property
    def tags_unseen_hint(self) -> float | None:
        """How many more tags may stand there; shadowed ones make it too small, never too large on average."""
        return None if self.tags_estimated is None else max(0.0, self.tags_estimated - self.tags_seen)


@dataclass(frozen=True)
class Tally:
    """One lot in one counted place, in base units."""

    account_id: str
    product_id: str
    lot: str
    expected: int
    seen: int
    not_seen: int
    gone_elsewhere: int
    """Expected here, read at another place."""
    came_here: int
    """Read here, expected elsewhere."""


@dataclass(frozen=True)
class TagCount:
    """The result: proposals, never movements."""

    findings: tuple[TagFinding, ...]
    """By outcome, then EPC."""
    estimates: tuple[PlaceEstimate, ...]
    """One for each counted place."""
    tallies: tuple[Tally, ...]

    @cached_property
    def numbers(self) -> Mapping[Outcome, int]:
        """How many tags of each outcome; every outcome is named."""
        numbers: dict[Outcome, int] = dict.fromkeys(_ORDER, 0)
        for finding in self.findings:
            numbers[finding.outcome] += 1
        return numbers


_ORDER: Final[tuple[Outcome, ...]] = ("seen", "not_seen", "seen_elsewhere", "unknown", "foreign")


def reconcile(
    counted: Iterable[str],
    known: Iterable[KnownTag],
    passes: Iterable[ReadPass],
    ours: OurArticles,
) -> TagCount:
    """Compare the passes with the books, frozen at the beginning of the count.

    `counted` are the accounts of the places counted. `known` are all tags that the books have there, and those others
    whose EPC was read. `passes` are those of the counted places, and of other places' readers in the same time. Neither
    the order of anything nor its repetition matters.

    Raises:
        InventoryError: no place is counted, or the books know one EPC as two packs.
    """
    places = frozenset(counted)
    if not places:
        raise InventoryError("a count of no place: expected at least one account")
    books = _by_epc(known)
    seen = _Sightings(passes)
    findings = [_known_finding(epc, tag, places, seen) for epc, tag in books.items()]
    findings += [_stranger(epc, ours, seen) for epc in seen.places_of.keys() - books.keys() if seen.is_in(epc, places)]
    kept = [finding for finding in findings if finding is not None]
    kept.sort(key=lambda one: (_ORDER.index(one.outcome), one.epc))
    estimates = tuple(seen.estimate(account_id) for account_id in sorted(places))
    return TagCount(tuple(kept), estimates, _tallies(kept, places))


def _by_epc(known: Iterable[KnownTag]) -> dict[str, KnownTag]:
    books: dict[str, KnownTag] = {}
    for tag in known:
        before = books.setdefault(canonical_epc(tag.epc), tag)
        if before != tag:
            raise InventoryError(f"EPC {tag.epc} is of two packs: {before!r} and {tag!r}")
    return books


class _Sightings:
    """All passes merged."""

    def __init__(self, passes: Iterable[ReadPass]) -> None:
        self.passes_of: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.as_read: dict[str, str] = {}
        """The longest form that a reader gave: without its zero words an EPC may not be read any more."""
        known: dict[str, str] = {}
        for one in passes:
            for text in one.epcs - known.keys():
                epc = known[text] = canonical_epc(text)
                self.as_read[epc] = max(self.as_read.get(epc, ""), text.strip().upper(), key=len)
            self.passes_of[one.account_id][one.number].update(map(known.__getitem__, one.epcs))
        self.places_of: dict[str, dict[str, int]] = {}
        """EPC -> place -> how many of its passes saw it."""
        for account_id in sorted(self.passes_of):
            for epcs in self.passes_of[account_id].values():
                for epc in epcs:
                    places = self.places_of.setdefault(epc, {})
                    places[account_id] = places.get(account_id, 0) + 1
        self._miss: dict[str, float | None] = {}

    def is_in(self, epc: str, places: frozenset[str]) -> bool:
        return not places.isdisjoint(self.places_of.get(epc, ()))

    def made(self, account_id: str) -> int:
        return len(self.passes_of[account_id]) if account_id in self.passes_of else 0

    def miss_probability(self, account_id: str) -> float | None:
        if account_id not in self._miss:
            self._miss[account_id] = _miss_probability(list(self.passes_of.get(account_id, {}).values()))
        return self._miss[account_id]

    def estimate(self, account_id: str) -> PlaceEstimate:
        passes = self.passes_of.get(account_id, {})
        seen = set().union(*passes.values())
        if len(passes) < PASSES_OF_HIGH:
            return PlaceEstimate(account_id, len(passes), len(seen), None, None, None)
        numbered = sorted(passes)
        first: set[str] = set().union(*(passes[number] for number in numbered[::2]))
        second: set[str] = set().union(*(passes[number] for number in numbered[1::2]))
        estimated, error = chapman(len(first), len(second), len(first & second))
        return PlaceEstimate(account_id, len(passes), len(seen), self.miss_probability(account_id), estimated, error)


def chapman(first: int, second: int, both: int) -> tuple[float, float]:
    """How many there are, and the standard error, when one look saw `first`, another `second`, and `both` the same."""
    estimated = (first + 1) * (second + 1) / (both + 1) - 1
    variance = (first + 1) * (second + 1) * (first - both) * (second - both) / ((both + 1) ** 2 * (both + 2))
    return estimated, sqrt(variance)


def _miss_probability(passes: list[set[str]]) -> float | None:
    """Each pass judged by what the others saw; one more tag is thought missed, so that it is never quite zero."""
    if len(passes) < PASSES_OF_HIGH:
        return None
    missed = []
    for index, one in enumerate(passes):
        others: set[str] = set().union(*(other for place, other in enumerate(passes) if place != index))
        missed.append((len(others - one) + 1) / (len(others) + 1))
    return prod(sorted(missed))  # in one order: products of floats differ in their last digit


def _known_finding(key: str, tag: KnownTag, places: frozenset[str], seen: _Sightings) -> TagFinding | None:
    """None: it is not expected here and was not read here, so this count has nothing to say about it."""
    epc, home = tag.epc.upper(), tag.account_id
    seen_at = seen.places_of.get(key, {})
    if home not in places and places.isdisjoint(seen_at):
        return None
    where = tuple(sorted(seen_at))
    if home in places and home in seen_at:
        confidence = _confidence_of_seen(seen_at[home])
        return TagFinding(epc, "seen", "nothing", confidence, tag, where, seen_at[home], seen.made(home))
    if not seen_at:
        confidence = _confidence_of_not_seen(seen.miss_probability(home))
        return TagFinding(epc, "not_seen", "look_for_it", confidence, tag, (), 0, seen.made(home))
    best = max(sorted(seen_at), key=lambda account_id: seen_at[account_id])
    proposal: Proposal = "move_in_the_books" if len(seen_at) == 1 else "check_which_place"
    confidence = _confidence_of_seen(seen_at[best]) if len(seen_at) == 1 else "low"
    return TagFinding(epc, "seen_elsewhere", proposal, confidence, tag, where, seen_at[best], seen.made(best))


def _stranger(epc: str, ours: OurArticles, seen: _Sightings) -> TagFinding:
    seen_at = seen.places_of[epc]
    best = max(sorted(seen_at), key=lambda account_id: seen_at[account_id])
    is_ours, gtin, serial_number = _identity(seen.as_read[epc], ours)
    return TagFinding(
        epc=seen.as_read[epc],
        outcome="unknown" if is_ours else "foreign",
        proposal="identify" if is_ours else "take_no_notice",
        confidence=_confidence_of_seen(seen_at[best]),
        known=None,
        seen_at=tuple(sorted(seen_at)),
        passes_seen=seen_at[best],
        passes_made=seen.made(best),
        gtin=gtin,
        serial_number=serial_number,
    )


def _identity(epc: str, ours: OurArticles) -> tuple[bool, str | None, str | None]:
    if not _HEX.issuperset(epc):
        return False, None, None
    try:
        decoded = decode_epc(epc)
    except CodeError:
        return False, None, None  # no scheme explains it: a staff badge, a library book, a blank tag
    values = {element.ai: element.value for element in decoded.elements}
    gtin = values.get("01")
    parts = decoded.epc_uri.split(":")
    prefix = parts[-1].partition(".")[0] if parts[0] == "urn" else ""
    is_ours = (gtin is not None and gtin in ours.gtins) or prefix in ours.company_prefixes
    return is_ours, gtin, values.get("21")


def _confidence_of_seen(passes_seen: int) -> Confidence:
    return "high" if passes_seen >= PASSES_OF_HIGH else "low"


def _confidence_of_not_seen(miss_probability: float | None) -> Confidence:
    if miss_probability is None:
        return "none"
    return "high" if miss_probability <= MISS_PROBABILITY_OF_HIGH else "low"


def _tallies(findings: Iterable[TagFinding], places: frozenset[str]) -> tuple[Tally, ...]:
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for finding in findings:
        tag = finding.known
        if tag is None:
            continue
        column = {"seen": 1, "not_seen": 2, "seen_elsewhere": 3}[finding.outcome]
        if tag.account_id in places:
            line = sums[tag.account_id, tag.product_id, tag.lot]
            line[0] += tag.units
            line[column] += tag.units
        if finding.proposal == "move_in_the_books" and finding.seen_at[0] in places:
            sums[finding.seen_at[0], tag.product_id, tag.lot][4] += tag.units
    return tuple(Tally(*key, *line) for key, line in sorted(sums.items()))
