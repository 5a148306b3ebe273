"""Faults of a configuration file in the words of its keys: where, what stands there, what was expected."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

_TAG_ERRORS = ("union_tag_invalid", "union_tag_not_found")


def explain(model: type[BaseModel], error: ValidationError) -> list[str]:
    """One line for each fault of `error`, in the order of the file; `model` is what was validated.

    The expectation is the description of the field, so that every field of the model needs one.
    """
    return [_line(model, fault) for fault in error.errors(include_url=False)]


def _line(model: type[BaseModel], fault: Any) -> str:  # noqa: ANN401 - pydantic's own dict of a fault
    place, key, field, owner = _find(model, fault["loc"])
    kind = fault["type"]
    if kind == "extra_forbidden":
        keys = ", ".join(sorted(_keys(owner)))
        return f"{place}{key} = {fault['input']!r:.100}: unknown key; expected one of {keys}"
    if kind in _TAG_ERRORS:
        key = fault["ctx"]["discriminator"].strip("'")
        got = f" = {fault['ctx']['tag']!r}" if "tag" in fault["ctx"] else " is missing"
        tags = fault["ctx"].get("expected_tags") or ", ".join(repr(tag) for tag in _tags(field, key))
        return f"{place}{key}{got}: expected one of {tags}"
    expected = _expected(field)
    if kind == "missing":
        return f"{place}{key} is missing: expected {expected}"
    if kind == "value_error" and isinstance(fault["input"], dict):
        return f"{place}{_prefix(key)}{fault['msg'].removeprefix('Value error, ')}"
    why = f" ({fault['msg'].removeprefix('Value error, ')})" if fault["msg"].startswith("Value error, there") else ""
    return f"{place}{key} = {fault['input']!r:.100}: expected {expected}{why}"


def _find(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, str, Any, type[BaseModel]]:
    """Follow a location: the words for the place, the last key, its field's type, and the table it stands in.

    pydantic puts the tag of a tagged union into the location, which is no key of the file.
    """
    place, key, owner, current = "", "", model, Annotated[model, None]
    for part in loc:
        tagged = _member(current, part) if isinstance(part, str) else None
        if tagged is not None:
            current, owner, key = tagged, _table(tagged) or owner, ""
            continue
        table = _table(current)
        if isinstance(part, int):
            place, key = _item(place, key, part)
            current = _element(current)
        else:
            place, owner = place + _prefix(key), table or owner
            key = part
            current = _field(owner, part)
    return place, key, current, owner


def _prefix(key: str) -> str:
    return f"[{key}] " if key else ""


def _item(place: str, key: str, index: int) -> tuple[str, str]:
    """The words for an element of a list: tables are counted as one counts them in the file, from 1."""
    if key == "device":
        return f"{place}[[device]] {index + 1}: ", ""
    return place, f"{key}[{index}]"


def _forms(form: Any) -> Iterator[Any]:  # noqa: ANN401 - a type form
    """The alternatives of a type form, through Annotated, aliases and unions."""
    if isinstance(form, FieldInfo):
        form = form.annotation
    if get_origin(form) is Annotated:
        yield from _forms(get_args(form)[0])
    elif get_origin(form) in (Union, types.UnionType):
        for part in get_args(form):
            yield from _forms(part)
    else:
        yield form


def _tables(form: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - a type form
    return (part for part in _forms(form) if isinstance(part, type) and issubclass(part, BaseModel))


def _table(form: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type form
    return next(_tables(form), None)


def _element(form: Any) -> Any:  # noqa: ANN401 - a type form
    for part in _forms(form):
        if get_origin(part) is tuple:
            return get_args(part)[0]
    return None


def _literals(table: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The fixed keys of a table, such as `driver = "llrp"`."""
    for name, field in table.model_fields.items():
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
            yield name, get_args(field.annotation)[0]


def _member(form: Any, tag: str) -> Any:  # noqa: ANN401 - a type form
    """The tables of a tagged union that bear `tag`, as a union again; None if this is no tag here."""
    tables = tuple(_tables(form))
    fitting = tuple(table for table in tables if any(value == tag for _, value in _literals(table)))
    if not fitting or len(tables) == 1:
        return None
    return Union[fitting]  # noqa: UP007 - built from a tuple


def _tags(form: Any, key: str) -> list[str]:  # noqa: ANN401 - a type form
    found = (value for table in _tables(form) for name, value in _literals(table) if name == key)
    return list(dict.fromkeys(found))


def _keys(table: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in table.model_fields.items()]


def _field(table: type[BaseModel], key: str) -> Any:  # noqa: ANN401 - a type form
    for name, field in table.model_fields.items():
        if key in (name, field.alias):
            return field
    return None


def _expected(field: Any) -> str:  # noqa: ANN401 - a type form
    """The description of a field, its own or that of its type."""
    if isinstance(field, FieldInfo):
        if field.description:
            return field.description
        if _table(field) is not None:
            return "a table"
        return _expected(field.annotation)
    for part in (field, *(get_args(field) if get_origin(field) is not tuple else ())):
        for extra in getattr(part, "__metadata__", ()):
            if isinstance(extra, FieldInfo) and extra.description:
                return extra.description
    return "another value"
