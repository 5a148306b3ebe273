"""How a row of a query becomes a frozen model: one base class, two helpers.

The queries are planned each time, for the values that are asked for. psycopg prepares what is asked often, and from the
tenth time on the server takes one plan for all values: a filter that is left out and one that is not, a day and a year.
"""

from collections.abc import Mapping
from typing import Any, LiteralString, TypeVar

from psycopg.rows import class_row
from pydantic import BaseModel, ConfigDict

from gateway.services.app_services import DbConnection


class Row(BaseModel):
    """A row of a read: what a page shows and what the API answers."""

    model_config = ConfigDict(frozen=True)


R = TypeVar("R", bound=Row)


def all_rows(connection: DbConnection, model: type[R], query: LiteralString, values: Mapping[str, Any]) -> list[R]:
    """Every row of the query as this model."""
    with connection.cursor(row_factory=class_row(model)) as cursor:
        return cursor.execute(query, values, prepare=False).fetchall()


def first_row(connection: DbConnection, model: type[R], query: LiteralString, values: Mapping[str, Any]) -> R | None:
    """The first row of the query; None if there is none."""
    with connection.cursor(row_factory=class_row(model)) as cursor:
        return cursor.execute(query, values, prepare=False).fetchone()
