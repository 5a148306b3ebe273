"""GS1 element strings: splitting what a scanner sends, or a person types, into elements.

biip splits off one element at a time by its table of Application Identifiers; the rules about separators are ours
(GS1 General Specifications 7.8.5, and the published tests of the GS1 Syntax Engine):

- GS ends every element whose length is not predefined; behind one that is, and at the very end, it is superfluous and
  tolerated. A GS alone, or two in a row, are an error.
- An element that needs a GS and goes on without one is too long: most often the GS was lost on the way.
"""

import re
from dataclasses import dataclass
from typing import Final

from biip import ParseConfig, ParseError
from biip.gs1_application_identifiers import GS1ApplicationIdentifier
from biip.gs1_element_strings import GS1ElementString

from inventory.element import Element
from inventory.problem import Problem

GS: Final = "\x1d"
"""Group separator, ASCII 29: how a scanner transmits the symbol character FNC1."""
SEPARATOR_HINT: Final = (
    "set the scanner to transmit FNC1 as GS (ASCII 29, 0x1D; often called 'GS1 separator' or 'transmit function codes')"
)
"""The scanner setting to look at when separators are lost."""
_BRACKETED: Final = re.compile(r"\(([0-9]{2,4})\)((?:\\\(|[^(])*)")


@dataclass(frozen=True)
class Split:
    """Elements in the order of the code, as far as it could be split, and why no further."""

    elements: tuple[Element, ...]
    problems: tuple[Problem, ...] = ()


def split(data: str, separator: str = GS) -> Split:
    """Split what a scanner delivers, AIM prefix removed. `separator` is GS or the character configured in its place."""
    elements: list[Element] = []
    # A scanner may also transmit the FNC1 in first position, which only says that this is GS1 data.
    position = len(separator) if data.startswith(separator) else 0
    if position == len(data):
        return Split((), (Problem("empty", "no element in the code"),))
    while position < len(data):
        end = data.find(separator, position)
        end = len(data) if end < 0 else end
        if end == position:
            text = f"two separators in a row at position {position + 1}: an element is missing, scan again"
            return Split(tuple(elements), (Problem("separator_repeated", text),))
        problem = _take_segment(data[position:end], elements)
        if problem is not None:
            return Split(tuple(elements), (problem,))
        position = end + len(separator)
    return Split(tuple(elements))


def _take_segment(segment: str, elements: list[Element]) -> Problem | None:
    rest = segment
    while rest:
        try:
            # Dates are judged by our rules, which are given the day; biip would ask the clock.
            found = GS1ElementString.extract(
                rest,
                config=ParseConfig(separator_chars=(), gs1_element_strings_verify_date=False),
            )
        except ParseError:
            dated = _take_date(rest)
            if dated is None:
                return _explain(rest)
            elements.append(dated)
            rest = rest[len(dated.ai) + len(dated.value) :]
            continue
        rest = rest[len(found.ai.ai) + len(found.value) :]
        if rest and found.ai.separator_required:
            text = f"({found.ai.ai}){found.value} goes on with {rest!r}: too long, or a separator was lost; " + (
                SEPARATOR_HINT
            )
            return Problem("separator_lost", text)
        elements.append(Element(found.ai.ai, found.value))
    return None


def _take_date(text: str) -> Element | None:
    """A date that biip's pattern refuses is still one element, so that what follows it can be read.

    Its day or month is wrong, which the content rules will say: such a pack must at least be quarantinable.
    """
    ai = find_ai(text)
    if ai is None or ai.separator_required or not ai.format.endswith("+N6"):
        return None
    value = text[len(ai.ai) : len(ai.ai) + 6]
    return Element(ai.ai, value) if re.fullmatch(r"[0-9]{6}", value) else None


def split_bracketed(text: str) -> Split:
    r"""Split what people write: `(01)...(10)...`, a literal opening bracket written as `\(`."""
    elements: list[Element] = []
    problems: list[Problem] = []
    position = 0
    while position < len(text):
        found = _BRACKETED.match(text, position)
        if found is None:
            problem = Problem("bracket", f"{text[position:]!r}: expected (AI) of two to four digits, then its value")
            return Split(tuple(elements), (*problems, problem))
        # The text printed below a symbol has spaces between the elements; no value begins or ends with one.
        element = Element(found[1], found[2].strip(" ").replace("\\(", "("))
        wrong = check_format(element)
        if wrong is None:
            elements.append(element)
        else:
            problems.append(wrong)
        position = found.end()
    if not elements and not problems:
        return Split((), (Problem("empty", "no element in the code"),))
    return Split(tuple(elements), tuple(problems))


def check_format(element: Element) -> Problem | None:
    """Whether AI and value stand for exactly one element: known AI, allowed length and characters."""
    ai = find_ai(element.ai)
    if ai is None or ai.ai != element.ai:
        return Problem("unknown_ai", f"({element.ai}) is not a GS1 Application Identifier")
    if not element.value:
        return Problem("length", f"({element.ai}) has no value")
    whole = element.ai + element.value
    if _is_printable_ascii(element.value) and re.fullmatch(ai.pattern, whole) is not None:
        return None
    return None if _take_date(whole) == element else _explain(whole)


def find_ai(text: str) -> GS1ApplicationIdentifier | None:
    """The Application Identifier that `text` begins with, from biip's copy of GS1's table."""
    try:
        return GS1ApplicationIdentifier.extract(text)
    except ParseError:
        return None


def needs_separator(ai: str) -> bool:
    """Whether the value's length is not predefined, so that a separator must end it unless it is the last."""
    found = find_ai(ai)
    return found is not None and found.separator_required


def _explain(text: str) -> Problem:
    """Why biip's pattern doesn't match `text`, in words for the person at the scanner."""
    ai = find_ai(text)
    if ai is None:
        return Problem("unknown_ai", f"{text!r} does not begin with a GS1 Application Identifier; {SEPARATOR_HINT}")
    value = text[len(ai.ai) :]
    expected = ai.format.partition("+")[2]
    for position, character in enumerate(value):
        numeric = re.fullmatch(r"[N0-9.+\[\]]+", expected) is not None
        wrong = not "0" <= character <= "9" if numeric else not "!" <= character <= "z"
        if wrong:
            kind = "a digit" if numeric else "a character of the GS1 set 82"
            text = f"({ai.ai}){value}: {character!r} at position {position + 1} is not {kind}"
            return Problem("character", text)
    return Problem("length", f"({ai.ai}){value}: expected {expected} (GS1 notation), got {len(value)} characters")


def _is_printable_ascii(text: str) -> bool:
    return all(" " <= character <= "~" for character in text)
