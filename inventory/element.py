"""One element string: an Application Identifier and its value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Element:
    """As it stood in the code; whether the value is right is for the rules to say."""

    ai: str
    """Application Identifier, two to four digits."""
    value: str
    """Data field without the AI and without separators."""

    def __str__(self) -> str:
        """As people write it: `(10)ABC`."""
        return f"({self.ai}){self.value}"
