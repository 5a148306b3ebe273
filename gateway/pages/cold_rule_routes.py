"""The page of rules: by what a class or a place is judged, what a change would have said, who changed what and why."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from gateway.api.cold_chain import (
    RULE_ROLES,
    ChangeGiven,
    PreviewGiven,
    RuleEditor,
    RuleGiven,
    RuleReader,
    preview,
    take_change,
)
from gateway.api.problems import Problem, detail_of
from gateway.api.web import web_of
from gateway.cold_chain import rule_changes
from gateway.cold_chain.rule_book import RuleBook
from gateway.cold_chain.rule_changes import PreviewPlace
from gateway.db.pool import Connection
from gateway.pages import cold_chain_words as words
from gateway.pages.catalogue_words import STORAGE
from gateway.pages.translations import N_
from gateway.pages.work_plain import PlainForm
from gateway.services.sessions import SignedIn
from gateway.stock.names import names_of
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.storage_class import CLASSES

router: Final = APIRouter(prefix="/on-call/rules", include_in_schema=False)
SIDES: Final = {"high": N_("Too warm"), "low": N_("Too cold")}
ORIGINS: Final = {
    "shipped": N_("as shipped"),
    "class": N_("changed for the class"),
    "limits": N_("limits of the place"),
    "place": N_("changed for this place"),
    "off": N_("off"),
}
EARLY: Final = {
    "temperature_high": N_("Too warm: call somebody"),
    "temperature_low": N_("Too cold: call somebody"),
}
"""What the rules that call someone early are called; others have their name."""
_PLACES: Final = (
    "SELECT place_id, name_vi, name_en, storage_class, temperature_low_celsius, temperature_high_celsius, alarm_after_s"
    " FROM place p WHERE storage_class IS NOT NULL OR temperature_low_celsius IS NOT NULL"
    " OR temperature_high_celsius IS NOT NULL OR EXISTS (SELECT FROM cold_rule c WHERE c.place_id = p.place_id)"
    " OR EXISTS (SELECT FROM device d JOIN sensor_interval USING (device_key) WHERE d.place_id = p.place_id)"
    " ORDER BY name_vi"
)
_FIRING: Final = (
    "SELECT DISTINCT rule_name FROM excursion e JOIN place p USING (place_id) WHERE ended_at IS NULL"
    " AND taken_back_at IS NULL AND triggered_at IS NOT NULL AND (e.place_id = %s OR p.storage_class = %s)"
)


@router.get("")
def rules_page(
    request: Request,
    person: RuleReader,
    storage_class: Annotated[str, Query(max_length=40)] = "",
    place_id: Annotated[str, Query(max_length=63)] = "",
) -> HTMLResponse:
    """Of a class or a place."""
    return _page(request, person, storage_class, place_id)


@router.post("")
def change_rule(request: Request, person: RuleEditor, form: PlainForm) -> Response:
    """Try a rule, change it, switch it off, or take it back to what is shipped."""
    fields = form.fields
    scope = {"storage_class": fields.get("storage_class"), "place_id": fields.get("place_id")}
    action = fields.get("act", "")
    tried: list[PreviewPlace] | None = None
    problem = ""
    try:
        rule = _rule_in(fields) if action in {"preview", "set"} else None
        if action == "preview" and rule is not None:
            tried = preview(request, person, PreviewGiven.model_validate({**scope, "rule": rule}))
        else:
            body = {**scope, "rule_name": fields.get("name", ""), "action": action, "rule": rule}
            take_change(request, person, ChangeGiven.model_validate({**body, "why": fields.get("why", "")}))
            query = "&".join(f"{key}={value}" for key, value in scope.items() if value)
            return RedirectResponse(f"/on-call/rules?{query}&done=1", HTTPStatus.SEE_OTHER)
    except Problem as found:
        problem = detail_of(request, found)
    except (ValidationError, ValueError):
        problem = web_of(request).speech(request).text(N_("A value is missing or wrong."))
    return _page(
        *(request, person, scope["storage_class"] or "", scope["place_id"] or ""),
        fields=fields,
        tried=tried,
        problem=problem,
    )


def _rule_in(fields: Mapping[str, str]) -> RuleGiven:
    def number(name: str, default: str = "") -> float:
        return float(fields.get(name, default).replace(",", "."))

    return RuleGiven.model_validate(
        {
            "name": fields.get("name", ""),
            "side": fields.get("side", ""),
            "threshold": number("threshold"),
            "inclusive": fields.get("inclusive") == "yes",
            "mode": fields.get("mode", "consecutive"),
            "minutes": number("minutes"),
            "hysteresis": number("hysteresis", "0"),
            "severity": fields.get("severity", "critical"),
            "source": fields.get("source", ""),
            "holds_stock": fields.get("holds_stock") == "yes",
        }
    )


def _page(
    request: Request,
    person: SignedIn,
    storage_class: str,
    place_id: str,
    *,
    fields: Mapping[str, str] | None = None,
    tried: list[PreviewPlace] | None = None,
    problem: str = "",
) -> HTMLResponse:
    web = web_of(request)
    if not place_id and storage_class not in CLASSES:
        storage_class = "refrigerator"
    with web.services.pool.connection() as connection:
        places = connection.execute(_PLACES).fetchall()
        lines = _lines(connection, storage_class, place_id, places)
        firing = {row[0] for row in connection.execute(_FIRING, (place_id or None, storage_class or None))}
        history = rule_changes.changes(connection, 50)
        people = names_of(connection, (), (), {each.by_whom for each in history}).people
    values: dict[str, Any] = {
        "classes": CLASSES,
        "storage": STORAGE,
        "places": places,
        "place_names": {place[0]: (place[1], place[2]) for place in places},
        "storage_class": storage_class if not place_id else "",
        "place_id": place_id,
        "lines": lines,
        "firing": firing,
        "history": history,
        "people": people,
        "fields": fields or {},
        "tried": tried,
        "problem": problem,
        "may_edit": person.may(*RULE_ROLES),
        "done": "done" in request.query_params,
        "words": words,
        "sides": SIDES,
        "origins": ORIGINS,
        "early": EARLY,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return web.page(request, "cold_rules.html", values, status=status)


def _lines(
    connection: Connection, storage_class: str, place_id: str, places: list[tuple[Any, ...]]
) -> list[tuple[str, Rule | None, str]]:
    """(name, rule or None if it is off, where it comes from)."""
    book = RuleBook.read(connection)
    row = next((place for place in places if place[0] == place_id), None)
    if row is not None:
        rules = book.place_rules(place_id, *row[3:])
        own = {one.rule_name for one in book.of_place.get(place_id, ())}
        limits = {"temperature_low"} if row[4] is not None else set()
        limits |= {"temperature_high"} if row[5] is not None else set()
        off = [one.rule_name for one in book.of_place.get(place_id, ()) if one.rule is None]
        storage_class = row[3] or ""
    else:
        rules, own, limits = book.class_rules(storage_class), set(), set()
        off = [one.rule_name for one in book.of_class.get(storage_class, ()) if one.rule is None]
    of_class = {one.rule_name for one in book.of_class.get(storage_class, ())}
    found: list[tuple[str, Rule | None, str]] = []
    for rule in rules:
        name = rule.name
        origin = "place" if name in own else "limits" if name in limits else "class" if name in of_class else "shipped"
        found.append((name, rule, origin))
    return [*found, *((name, None, "off") for name in off)]
