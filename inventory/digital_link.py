"""GS1 Digital Link URIs: reading strictly, and writing (GS1 Digital Link Standard: URI Syntax).

`https://host[/stem]/01/{gtin}[/22/{cpv}][/10/{lot}][/21/{serial}]?17=...`. biip is lenient here (repeated elements,
qualifiers in the query), so the URI is taken apart by our own rules and only the elements are checked by its patterns.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote, unquote, unquote_plus

from inventory.digital_link_rules import NOT_ATTRIBUTES, QUALIFIERS, is_qualifier_of, qualifiers_in_order
from inventory.element import Element
from inventory.element_string import Split, check_format, needs_separator
from inventory.errors import CodeError
from inventory.problem import Problem

CANONICAL_STEM: Final = "https://id.gs1.org"
_URI: Final = re.compile(
    r"(?:https?|HTTPS?)://(?P<host>[A-Za-z0-9._~:\[\]@%-]+)(?P<path>/[^?#]*)(?:\?(?P<query>[^#]*))?(?:\#.*)?",
)
_URI_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
"""Characters of RFC 3986; anything else must come percent-encoded."""


def looks_like_uri(text: str) -> bool:
    """Whether this is meant as a web address."""
    return re.match(r"[A-Za-z]+://", text) is not None


def split_digital_link(uri: str) -> Split:
    """Take a Digital Link URI apart into elements, key first."""
    try:
        return _split(uri)
    except CodeError as error:
        return Split((), (Problem(error.code, error.message),))


def _split(uri: str) -> Split:
    if _URI_CHARACTERS.fullmatch(uri) is None:
        raise CodeError("character", f"web address {uri!r} has a character that must be percent-encoded (RFC 3986)")
    found = _URI.fullmatch(uri)
    if found is None:
        raise CodeError("not_digital_link", f"{uri!r}: expected http:// or https://, a host, and a path with a GS1 key")
    path = _take_path(found["path"], uri)
    key, *qualifiers = path
    names = [element.ai for element in qualifiers]
    if not qualifiers_in_order(key.ai, names):
        text = f"path after ({key.ai}) has {', '.join(names)}: expected {_readable(key.ai)}, in this order"
        raise CodeError("qualifier", text)
    attributes = _take_query(found["query"] or "", path)
    elements = (*path, *attributes)
    problems = tuple(problem for element in elements if (problem := check_format(element)) is not None)
    return Split(tuple(element for element in elements if check_format(element) is None), problems)


def _take_path(path: str, uri: str) -> list[Element]:
    """Pairs of AI and value from the end of the path back to a primary key; what stands before is the stem."""
    segments = path.split("/")[1:]
    pairs: list[Element] = []
    while len(segments) > 1:
        value, ai = segments.pop(), segments.pop()
        pairs.insert(0, Element(ai, _decode(value)))
        if ai in QUALIFIERS:
            return pairs
        if re.fullmatch(r"[0-9]{2,4}", ai) is None:
            break
    raise CodeError("not_digital_link", f"{uri!r}: no GS1 key such as /01/ in the path")


def _take_query(query: str, path: Sequence[Element]) -> list[Element]:
    key = path[0].ai
    seen = {element.ai for element in path}
    attributes: list[Element] = []
    for item in re.split(r"[&;]", query):
        ai, equals, value = item.partition("=")
        if not equals or re.fullmatch(r"[0-9]+", ai) is None:
            continue  # other people's query parameters are none of ours (URI Syntax, 4.10)
        if ai in NOT_ATTRIBUTES or is_qualifier_of(key, ai):
            raise CodeError("attribute", f"({ai}) must not stand in the query part after ({key})")
        if ai in seen:
            raise CodeError("repeated", f"({ai}) stands twice in the web address")
        seen.add(ai)
        attributes.append(Element(ai, _decode_query(value)))
    return attributes


def _decode(text: str) -> str:
    return unquote(text, encoding="utf-8", errors="replace")


def _decode_query(text: str) -> str:
    return unquote_plus(text, encoding="utf-8", errors="replace")


def _readable(key: str) -> str:
    return " or ".join("/".join(alternative) if alternative else "nothing" for alternative in QUALIFIERS[key])


def write_digital_link(elements: Iterable[Element], stem: str = CANONICAL_STEM) -> str:
    """The URI of `elements`: first primary key, its qualifiers in order, everything else as attributes.

    Raises:
        CodeError: no primary key (`not_digital_link`), an element that must not stand in the query (`attribute`),
            or one whose format is wrong.
    """
    values: dict[str, str] = {}
    for element in elements:
        problem = check_format(element)
        if problem is not None:
            raise CodeError(problem.code, problem.message)
        if values.setdefault(element.ai, element.value) != element.value:
            raise CodeError("repeated", f"({element.ai}) has two values")
    key = next((ai for ai in values if ai in QUALIFIERS), None)
    if key is None:
        raise CodeError("not_digital_link", f"no GS1 key among {', '.join(values) or 'no elements'}")
    uri = f"{stem.rstrip('/')}/{key}/{quote(values.pop(key), safe='')}"
    alternative = max(QUALIFIERS[key], key=lambda names: sum(name in values for name in names))
    for name in alternative:
        if name in values:
            uri += f"/{name}/{quote(values.pop(name), safe='')}"
    for name in values:
        if name in NOT_ATTRIBUTES or is_qualifier_of(key, name):
            raise CodeError("attribute", f"({name}) must not stand in the query part after ({key})")
    # Elements of predefined length first, as GS1's own engine writes them; otherwise in the order given.
    names = sorted(values, key=needs_separator)
    query = "&".join(f"{name}={quote(values[name], safe='')}" for name in names)
    return f"{uri}?{query}" if query else uri
