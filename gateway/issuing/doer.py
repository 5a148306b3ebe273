"""Who does something at the issuing desk, and when."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Doer:
    """A person, or a part of the system, by name."""

    username: str
    at: datetime
