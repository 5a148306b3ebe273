"""The hospital as its papers name it: who stands above it, its name, department, address, and titles above signatures.

One for the whole database, from the site file or `medtap hospital`. What nobody entered has a sensible default: the
name of the place of kind `site`, the pharmacy department, and the titles that the papers usually have.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.reports.document import SIGNATURE_TITLES

DEPARTMENT: Final = "Khoa Dược"
_Line = Annotated[str, StringConstraints(max_length=200, pattern=r"\A[^\x00-\x1f]*\z", strip_whitespace=True)]


class Hospital(BaseModel):
    """What is to be printed; None: it stays as it is, an empty text: the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    authority: _Line | None = None
    """Above the name, such as a health department."""
    name: _Line | None = None
    department: _Line | None = None
    address: _Line | None = None
    signature_titles: Mapping[str, _Line] | None = None
    """By the usual title, what is printed in its place; an empty text: the usual one again."""

    @field_validator("signature_titles")
    @classmethod
    def _are_known(cls, titles: Mapping[str, str] | None) -> Mapping[str, str] | None:
        unknown = sorted(set(titles or ()) - SIGNATURE_TITLES)
        if unknown:
            known = ", ".join(sorted(SIGNATURE_TITLES))
            raise ValueError(f"no paper has the title {unknown[0]!r}: expected one of {known}")
        return titles


def read_hospital(connection: Connection) -> Hospital:
    """As papers are printed now: with the defaults of what nobody entered."""
    row = connection.execute(
        "SELECT h.authority, coalesce(nullif(h.name, ''), (SELECT name_vi FROM place WHERE kind = 'site'"
        " ORDER BY parent_place_id IS NOT NULL, place_id LIMIT 1), ''), coalesce(nullif(h.department, ''), %s),"
        " h.address, h.signature_titles FROM (SELECT true) AS one LEFT JOIN hospital h ON true",
        (DEPARTMENT,),
    ).fetchone()
    authority, name, department, address, titles = row or ("", "", DEPARTMENT, "", {})
    return Hospital(
        authority=authority or "",
        name=name,
        department=department,
        address=address or "",
        signature_titles=titles or {},
    )


def write_hospital(connection: Connection, hospital: Hospital) -> None:
    """Take over what it says, in the caller's transaction; what it does not say stays as it is."""
    connection.execute("INSERT INTO hospital DEFAULT VALUES ON CONFLICT DO NOTHING")
    titles = {title: storable(text) for title, text in (hospital.signature_titles or {}).items()}
    gone = [title for title, text in titles.items() if not text]
    connection.execute(
        "UPDATE hospital SET authority = coalesce(%s, authority), name = coalesce(%s, name),"
        " department = coalesce(%s, department), address = coalesce(%s, address),"
        " signature_titles = (signature_titles || %s) - %s::text[]",
        (
            *(storable(hospital.authority), storable(hospital.name), storable(hospital.department)),
            *(storable(hospital.address), Jsonb(titles), gone),
        ),
    )
