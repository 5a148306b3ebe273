"""The button "I work at this scanner" of the pharmacy's page."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from gateway.api.stock_operators import Operator, work_at
from gateway.api.web import web_of

router: Final = APIRouter(prefix="/pharmacy/scanners", include_in_schema=False)


@router.post("/{device_key}")
def work_from_page(
    request: Request, device_key: int, person: Operator, act: Annotated[str, Form(max_length=10)] = "on"
) -> Response:
    """Sign on, or off, and show the page again."""
    work_at(web_of(request).services, device_key, None if act == "off" else person.username)
    return RedirectResponse("/pharmacy#scanners", HTTPStatus.SEE_OTHER)
