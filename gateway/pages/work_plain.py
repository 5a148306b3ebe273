"""A work page without scripts: the same form, posted whole, with one code a line.

Behind the code, each after a tab or ` ; ` (no code of GS1 has a blank in it): how many packs, or `=` and how many base
units; the lot; the expiry date as day/month/year. Lot and date count where the code says none.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Protocol

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from gateway.api.problems import Problem, detail_of
from gateway.api.stock_catalogue import today_of
from gateway.api.stock_work_scan import LineRead, line_of, say
from gateway.api.web import web_of
from gateway.pages.translations import N_
from gateway.pages.work_kit import WorkPage
from gateway.stock.work_scan import read_codes

_LINES_MAX: Final = 500
_NOT_FIELDS: Final = frozenset({"csrf_token", "codes", "codes_made"})
_PARTS: Final = re.compile(r"\t| ; ")
_NUMBER: Final = re.compile(r"(?P<base>=?)(?P<number>[0-9]{1,9})")


class Written(Protocol):
    """What came of an act: a document."""

    @property
    def document_id(self) -> uuid.UUID:
        """Of it."""
        ...


@dataclass(frozen=True)
class Posted:
    """A form as the browser sent it."""

    fields: Mapping[str, str]
    codes: tuple[str, ...]
    made: tuple[str, ...] = ()
    """On a page with two lists: of the second."""


async def _posted(request: Request) -> Posted:
    form = await request.form()
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    fields = {name: value.strip() for name, value in texts.items() if name not in _NOT_FIELDS and value.strip()}
    return Posted(fields, _each_line(texts.get("codes", "")), _each_line(texts.get("codes_made", "")))


def _each_line(text: str) -> tuple[str, ...]:
    # Not splitlines: that parts a code at its GS too.
    lines = [line.strip(" ") for line in text.replace("\r", "\n").split("\n") if line.strip()]
    return tuple(lines[:_LINES_MAX])


def again_in(form: Posted | None) -> dict[str, Any]:
    """For the template: what was refused stands in the form again, to be corrected."""
    if form is None:
        return {}
    return {"was": form.fields, "codes": "\n".join(form.codes), "codes_made": "\n".join(form.made)}


PlainForm = Annotated[Posted, Depends(_posted)]


def take_plainly(
    request: Request,
    form: Posted,
    page: WorkPage,
    act: Callable[[dict[str, Any], Response], Written],
    again: Callable[[str], HTMLResponse],
) -> Response:
    """Do the act and show its document, or show the page again with what is wrong."""
    try:
        values: dict[str, Any] = {**form.fields, page.sides[0]: plain_lines(request, form, page)}
        if len(page.sides) > 1:
            made = plain_lines(request, form, page, form.made)
            values[page.sides[1]] = _of_the_same_lot(made, values[page.sides[0]])
        done = act(values, Response())
    except Problem as problem:
        return _refused(again, detail_of(request, problem))
    except ValidationError:
        return _refused(again, web_of(request).speech(request).text(N_("A value is missing or wrong.")))
    address = page.then or "/work/documents/{document_id}"
    return RedirectResponse(address.format(document_id=done.document_id), HTTPStatus.SEE_OTHER)


def _refused(again: Callable[[str], HTMLResponse], text: str) -> HTMLResponse:
    page = again(text)
    page.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    return page


def plain_lines(
    request: Request, form: Posted, page: WorkPage, codes: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """What the codes are about, equal ones added up; a serialised pack counts once. Without `codes` the form's first.

    Raises:
        Problem: one is not understood.
    """
    services = web_of(request).services
    speech = web_of(request).speech(request)
    from_place_id = form.fields.get(page.take_from) if page.take_from else None
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    with services.pool.connection() as connection:
        for code in form.codes if codes is None else codes:
            parts = (*(part.strip(" ") for part in _PARTS.split(code)), "", "", "")
            text = [parts[0]]
            today = today_of(services)
            reading = read_codes(connection, text, today, services.clock(), from_place_id=from_place_id)
            read = line_of(reading, speech)
            if read is None:
                said = say(reading, from_place_id, speech)
                reason = f"{said.word}. {said.sentence}"
                raise _not_understood(N_("“%(code)s”: %(reason)s"), code=text[0][:80], reason=reason)
            line = _line(read, parts)
            key = (line["product_id"], line["lot"], line["gtin"], line["serial_number"], line["expiry_date"])
            if key not in lines:
                lines[key] = line
            elif read.serial_number is None:
                lines[key]["quantity"] += line["quantity"]
    return list(lines.values())


def _line(read: LineRead, parts: Sequence[str]) -> dict[str, Any]:
    """What was read, with what stands behind the code.

    Raises:
        Problem: that is no number, or no date.
    """
    _code, number, lot, expiry = parts[:4]
    counted = _NUMBER.fullmatch(number or "1")
    if counted is None:
        raise _not_understood(N_("“%(code)s” is no number of packs, nor = and a number of base units."), code=number)
    quantity = int(counted["number"]) * (1 if counted["base"] else read.units)
    picked = read.model_dump(include={"product_id", "expiry_date", "gtin", "serial_number", "scan_text"})
    line = {**picked, "lot": read.lot or lot, "quantity": quantity}
    if line["expiry_date"] is None and expiry:
        try:
            line["expiry_date"] = datetime.strptime(expiry, "%d/%m/%Y").replace(tzinfo=UTC).date()
        except ValueError:
            detail = N_("“%(code)s” is no date. Day, month, year: 31/12/2027.")
            raise _not_understood(detail, code=expiry) from None
    return line


def _of_the_same_lot(made: list[dict[str, Any]], sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is made of a lot is of this lot; said of which, if there is only one of its product."""
    for line in made:
        lots = {(one["lot"], one["expiry_date"]) for one in sources if one["product_id"] == line["product_id"]}
        if not line["lot"] and len(lots) == 1:
            line["lot"], line["expiry_date"] = lots.pop()
    return made


def _not_understood(detail: str, **values: object) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "code_refused", N_("Refused"), detail, values)
