"""The text of a logger's report as a tree: deeper lines belong to the line above; a line holds `key: value` pairs.

This is the form in which Berlinger loggers write; nothing is known here of what the keys mean.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_NEXT_PAIR = re.compile(r", (?=[^,:]+:)")
_DEEPEST = 12


@dataclass
class Node:
    """A line with the lines below it that are indented deeper."""

    line: int
    pairs: dict[str, str]
    text: str
    """The line without its indentation."""
    children: list["Node"] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The line's first key."""
        return next(iter(self.pairs), "")

    def child(self, key: str) -> "Node | None":
        """The first line below whose first key is this."""
        return next((node for node in self.children if node.key == key), None)

    def value(self, key: str) -> str:
        """The value of that key on a line directly below; empty if there is none."""
        return next((node.pairs[key] for node in self.children if key in node.pairs), "")

    def walk(self) -> Iterator["Node"]:
        """The lines directly below, in order."""
        return iter(self.children)


def read_tree(text: str) -> Node:
    """The tree under a root that has no line of its own; deeper than twelve levels counts as the twelfth."""
    root = Node(0, {}, "")
    open_nodes: list[tuple[int, Node]] = [(-1, root)]
    for number, raw in enumerate(text.splitlines(), start=1):
        stripped = raw.strip()
        if not stripped:
            continue
        indent = min(len(raw) - len(raw.lstrip(" \t")), _DEEPEST)
        while open_nodes[-1][0] >= indent:
            open_nodes.pop()
        node = Node(number, _pairs(stripped), stripped)
        open_nodes[-1][1].children.append(node)
        open_nodes.append((indent, node))
    return root


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in _NEXT_PAIR.split(text):
        key, colon, value = part.partition(":")
        if colon:
            pairs[key.strip()] = value.strip()
    return pairs
