"""One thing found wrong, or doubtful, in a code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A finding: whether it is an error or a warning is told by the list it stands in."""

    code: str
    """Stable word for machines and translations, such as `check_digit` or `separator_lost`."""
    message: str
    """For people, in English: what, which value, what would be right."""

    def __str__(self) -> str:
        """The message."""
        return self.message
