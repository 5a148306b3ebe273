"""The card status list on its way to an edge node: one message for each part, retained.

What counts is signed (`cards.status_list`): the head, which names site, number, time and every part by its SHA-256.
`site`, `number`, `issued_at` and `parts` beside it say the same to people; a receiver believes the head alone, and
refuses what says otherwise.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edge.contracts.base import SCHEMA_VERSION, Name, UtcDatetime
from edge.contracts.sealed import SealedMessage

Base64 = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9+/]*={0,2}\z", max_length=61_440)]
"""Bytes in base64 (RFC 4648, 4), padded."""


class CardStatusPart(SealedMessage):
    """One part of one list; at most 64 kB. A list is used when all its parts are there."""

    schema_version: Literal[1] = SCHEMA_VERSION
    site: Name
    number: Annotated[int, Field(ge=0)]
    """Rising: a part with a lower number is an older list's."""
    issued_at: UtcDatetime
    part: Annotated[int, Field(ge=1, le=200)]
    parts: Annotated[int, Field(ge=1, le=200)]
    head: Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9+/]+={0,2}\z", max_length=12_000)]
    """COSE_Sign1 of the head, the same in all parts."""
    entries: Base64
    """This part's entries: first eight bytes of SHA-256(card id), one byte for the state; in order."""
