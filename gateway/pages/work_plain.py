"""A work page without scripts: the same form, posted whole, with one code a line; behind a tab how many packs."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from gateway.api.problems import Problem, detail_of
from gateway.api.stock_catalogue import today_of
from gateway.api.stock_work_scan import line_of, say
from gateway.api.web import web_of
from gateway.api.work_kit import DoneAnswer
from gateway.pages.translations import N_
from gateway.pages.work_kit import WorkPage
from gateway.stock.work_scan import read_codes

_LINES_MAX: Final = 500
_NOT_FIELDS: Final = frozenset({"csrf_token", "codes"})


@dataclass(frozen=True)
class Posted:
    """A form as the browser sent it."""

    fields: Mapping[str, str]
    codes: tuple[str, ...]


async def _posted(request: Request) -> Posted:
    form = await request.form()
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    fields = {name: value.strip() for name, value in texts.items() if name not in _NOT_FIELDS and value.strip()}
    # Not splitlines: that parts a code at its GS too.
    codes = tuple(line for line in texts.get("codes", "").replace("\r", "\n").split("\n") if line.strip())
    return Posted(fields, codes[:_LINES_MAX])


PlainForm = Annotated[Posted, Depends(_posted)]


def take_plainly(
    request: Request,
    form: Posted,
    page: WorkPage,
    act: Callable[[dict[str, Any], Response], DoneAnswer],
    again: Callable[[str], HTMLResponse],
) -> Response:
    """Do the act and show its document, or show the page again with what is wrong."""
    try:
        values: dict[str, Any] = {**form.fields, page.sides[0]: _lines(request, form, page)}
        done = act(values, Response())
    except Problem as problem:
        return _refused(again, detail_of(request, problem))
    except ValidationError:
        return _refused(again, web_of(request).speech(request).text(N_("A value is missing or wrong.")))
    return RedirectResponse(f"/work/documents/{done.document_id}", HTTPStatus.SEE_OTHER)


def _refused(again: Callable[[str], HTMLResponse], text: str) -> HTMLResponse:
    page = again(text)
    page.status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    return page


def _lines(request: Request, form: Posted, page: WorkPage) -> list[dict[str, Any]]:
    """What the codes are about, equal ones added up; a serialised pack counts once.

    Raises:
        Problem: one is not understood.
    """
    web = web_of(request)
    speech = web.speech(request)
    from_place_id = form.fields.get(page.take_from) if page.take_from else None
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    with web.services.pool.connection() as connection:
        for code in form.codes:
            text, _, packs = code.partition("\t")
            reading = read_codes(
                connection, [text.strip()], today_of(web.services), web.services.clock(), from_place_id=from_place_id
            )
            read = line_of(reading, speech)
            if read is None:
                said = say(reading, from_place_id, speech)
                raise Problem(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    "code_refused",
                    N_("Refused"),
                    N_("“%(code)s”: %(reason)s"),
                    {"code": text.strip()[:80], "reason": f"{said.word}. {said.sentence}"},
                )
            count = int(packs) if re.fullmatch(r"\s*[0-9]{1,6}\s*", packs) else 1
            picked = read.model_dump(include={"product_id", "expiry_date", "gtin", "serial_number", "scan_text"})
            line = {**picked, "lot": read.lot or "", "quantity": read.units * count}
            key = (line["product_id"], line["lot"], line["gtin"], line["serial_number"], line["expiry_date"])
            if key not in lines:
                lines[key] = line
            elif read.serial_number is None:
                lines[key]["quantity"] += line["quantity"]
    return list(lines.values())
