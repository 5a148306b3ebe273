"""The pages of instruments: what is due, one instrument with its certificates and stays, and their forms."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.problems import Problem
from gateway.api.records_kit import RECORD_ROLES, Given, Keeper, Reader, download, problem_of, refusals, today, zone_of
from gateway.api.web import web_of
from gateway.db.pool import Connection
from gateway.pages import records_words as words
from gateway.pages.translations import N_
from gateway.pages.typed_day import typed_day
from gateway.records import calibration, journal, sensors
from gateway.records.errors import RecordError
from gateway.records.sensors import SINCE_EVER, SensorFacts

router: Final = APIRouter(prefix="/on-call/records/sensors", include_in_schema=False)
POINT_LINES: Final = 6
"""Lines of the certificate's table on the form; programs may send more."""
Text = Annotated[str, Form(max_length=200)]
_URGENT: Final = ("over", "today", "none", "in_30_days", "in_90_days", "valid")
_BATTERY_SOON: Final = timedelta(days=30)


@router.get("")
def sensor_list(request: Request, _person: Reader) -> HTMLResponse:
    """All instruments, what is due first."""
    return _list(request)


def _list(request: Request, error: RecordError | None = None, typed: dict[str, Any] | None = None) -> HTMLResponse:
    web = web_of(request)
    day = today(request)
    with web.services.pool.connection() as connection:
        found = sensors.sensors(connection)
        twins, free = sensors.twins(connection), sensors.free_devices(connection)
    lines = sorted(
        ((one, calibration.due_state(one.valid_until, day)) for one in found if one.device_key is not None),
        key=lambda each: (_URGENT.index(each[1]), each[0].valid_until or date.min),
    )
    values = {
        "lines": lines,
        "stored": [one for one in found if one.device_key is None],
        "twins": twins,
        "free": free,
        "due_words": words.DUE,
        "may_write": _may_write(request),
        "typed": defaultdict(str, typed or {}),
        "problem": _said(request, error),
        "serial_twice": error is not None and error.code == "serial_twice",
        "today": day,
        "battery_soon": _BATTERY_SOON,
    }
    status = HTTPStatus.OK if error is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return web.page(request, "sensor_list.html", values, status=status)


@router.post("")
def enter_sensor(request: Request, person: Keeper, given: Given) -> Response:
    """Enter an instrument, and connect it if a device is named."""
    web, form, by = web_of(request), given.typed, person.username
    try:
        facts = _facts(form)
        with web.services.pool.connection() as connection, connection.transaction():
            shares = form.get("shares_serial") == "on"
            sensor_id = sensors.register(connection, facts, by, shares_serial=shares)
            if form.get("device_key"):
                at = _since(request, form.get("connected_on", ""))
                sensors.connect(connection, sensor_id, int(form["device_key"]), at, by)
    except RecordError as error:
        return _list(request, error, form)
    return RedirectResponse(f"/on-call/records/sensors/{sensor_id}", HTTPStatus.SEE_OTHER)


@router.get("/{sensor_id}")
def sensor_page(request: Request, _person: Reader, sensor_id: UUID) -> HTMLResponse:
    """One instrument."""
    return _one(request, sensor_id)


def _one(
    request: Request, sensor_id: UUID, error: RecordError | None = None, typed: dict[str, Any] | None = None
) -> HTMLResponse:
    web = web_of(request)
    with web.services.pool.connection() as connection, refusals(request):
        one = sensors.find(connection, sensor_id)
        certificates = calibration.certificates_of(connection, sensor_id)
        values = {
            "one": one,
            "due": words.DUE[calibration.due_state(one.valid_until, today(request))],
            "certificates": certificates,
            "stays": sensors.stays_of(connection, sensor_id),
            "changes": journal.changes_of(connection, "sensor", sensor_id),
            "acts": words.ACTS,
            "free": sensors.free_devices(connection),
            "is_twin": sensor_id in sensors.twins(connection),
            "may_write": _may_write(request),
            "point_lines": POINT_LINES,
            "typed": defaultdict(str, typed or {}),
            "problem": _said(request, error),
            "today": today(request),
            "since_ever": SINCE_EVER,
        }
    status = HTTPStatus.OK if error is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return web.page(request, "sensor.html", values, status=status)


@router.post("/{sensor_id}/facts")
def correct_sensor(request: Request, person: Keeper, given: Given, sensor_id: UUID) -> Response:
    """Write other facts."""
    form = given.typed

    def act(connection: Connection) -> None:
        shares = form.get("shares_serial") == "on"
        sensors.correct(connection, sensor_id, _facts(form), person.username, shares_serial=shares)

    return _done(request, sensor_id, act, form)


@router.post("/{sensor_id}/connect")
def connect_sensor(
    request: Request, person: Keeper, sensor_id: UUID, device_key: Annotated[int, Form()], connected_on: Text = ""
) -> Response:
    """From that day on, or from now, it is at that device."""

    def act(connection: Connection) -> None:
        at = _since(request, connected_on) if connected_on.strip() else web_of(request).services.clock()
        sensors.connect(connection, sensor_id, device_key, at, person.username)

    return _done(request, sensor_id, act, {})


@router.post("/{sensor_id}/disconnect")
def disconnect_sensor(request: Request, person: Keeper, sensor_id: UUID) -> Response:
    """It is taken out now."""

    def act(connection: Connection) -> None:
        sensors.disconnect(connection, sensor_id, web_of(request).services.clock(), person.username)

    return _done(request, sensor_id, act, {})


@router.post("/{sensor_id}/certificates")
def enter_certificate(request: Request, person: Keeper, given: Given, sensor_id: UUID) -> Response:
    """Enter a certificate, with the laboratory's file if there is one."""
    typed, file = given.typed, given.files.get("file")

    def act(connection: Connection) -> None:
        calibration.enter(
            connection, sensor_id, _certificate(typed), person.username, zone_of(request), today=today(request),
            file=file,
        )  # fmt: skip

    return _done(request, sensor_id, act, typed)


@router.post("/certificates/{calibration_id}/withdraw")
def withdraw_certificate(request: Request, person: Keeper, calibration_id: UUID, reason: Text = "") -> Response:
    """It does not count any more."""
    web = web_of(request)
    with web.services.pool.connection() as connection, refusals(request):
        found = calibration.find_certificate(connection, calibration_id)

    def act(connection: Connection) -> None:
        calibration.withdraw(connection, calibration_id, person.username, reason)

    return _done(request, found.sensor_id, act, {})


@router.get("/certificates/{calibration_id}.pdf")
def certificate_file(request: Request, _person: Reader, calibration_id: UUID) -> Response:
    """The laboratory's file as it came."""
    with web_of(request).services.pool.connection() as connection, refusals(request):
        name, data = calibration.file_of(connection, calibration_id)
    return download(name, data, "application/pdf", inline=True)


def _done(request: Request, sensor_id: UUID, act: Callable[[Connection], None], typed: dict[str, str]) -> Response:
    try:
        with web_of(request).services.pool.connection() as connection, connection.transaction():
            act(connection)
    except RecordError as error:
        return _one(request, sensor_id, error, typed)
    return RedirectResponse(f"/on-call/records/sensors/{sensor_id}", HTTPStatus.SEE_OTHER)


def _said(request: Request, error: RecordError | None) -> str:
    if error is None:
        return ""
    problem = problem_of(request, error)
    return web_of(request).speech(request).text(problem.detail, **problem.values)


def _may_write(request: Request) -> bool:
    person = request.state.person
    return bool(person is not None and person.may(*RECORD_ROLES))


def _facts(form: dict[str, str]) -> SensorFacts:
    months = _number(form.get("battery_months", ""))
    return SensorFacts(
        serial_number=form.get("serial_number", "").strip(),
        maker=form.get("maker", "").strip()[:200],
        model=form.get("model", "").strip()[:200],
        range_low_celsius=_number(form.get("range_low_celsius", "")),
        range_high_celsius=_number(form.get("range_high_celsius", "")),
        interval_s=_number(form.get("interval_s", "")),
        battery=form.get("battery", "").strip()[:200],
        battery_changed_on=_day(form.get("battery_changed_on", "")),
        battery_months=None if months is None else int(months),
        note=form.get("note", "").strip()[:1000],
    )


def _certificate(form: dict[str, str]) -> calibration.NewCertificate:
    performed_on = _day(form.get("performed_on", ""))
    if performed_on is None:
        raise _wrong_value()
    points = []
    for number in range(1, POINT_LINES + 1):
        cells = [form.get(f"{name}_{number}", "").strip() for name in ("reference", "indicated", "uncertainty")]
        if any(cells):
            values = [_number(cell) for cell in cells]
            if any(value is None for value in values):
                raise _wrong_value()
            points.append(calibration.MeasuredPoint(*(value for value in values if value is not None)))
    return calibration.NewCertificate(
        form.get("certificate_number", "").strip()[:200],
        form.get("laboratory", "").strip()[:200],
        performed_on,
        _day(form.get("valid_until", "")) or calibration.next_year(performed_on),
        tuple(points),
    )


def _number(text: str) -> float | None:
    """With a comma or a point; nothing for nothing.

    Raises:
        Problem: it is no number.
    """
    if not text.strip():
        return None
    try:
        value = float(text.strip().replace(",", ".").replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        raise _wrong_value() from None
    if not -1e6 < value < 1e6:  # noqa: PLR2004 - nothing of an instrument is so large
        raise _wrong_value()
    return value


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    found = typed_day(text)
    if found is None:
        raise _wrong_value()
    return found


def _since(request: Request, text: str) -> datetime:
    """Begin of that day; since ever for none."""
    day = _day(text)
    return SINCE_EVER if day is None else datetime.combine(day, datetime.min.time(), tzinfo=zone_of(request))


def _wrong_value() -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "value_wrong",
        words.TITLE,
        N_("A number or a day is missing or can't be read. Days are typed as 31/12/2026, numbers with digits only."),
    )
