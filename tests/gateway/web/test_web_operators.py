"""Who works at a scanner: a button on the pharmacy's page, and the same in the API."""

from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

WORLD = Any
CsrfToken = Callable[[httpx.Client], str]
TextOf = Callable[[str], str]
NOW_THERE: Final = "SELECT username FROM device_operator WHERE until IS NULL AND device_key = %s"


def _scanner(world: WORLD, device_id: str = "scanner-receiving") -> int:
    return int(world.rows("SELECT device_key FROM device WHERE device_id = %s", device_id)[0][0])


def _name(browser: httpx.Client) -> str:
    return str(browser.get("/api/v1/session").json()["username"])


def test_a_pharmacist_signs_on_and_the_next_one_takes_over(world: WORLD, csrf_token: CsrfToken) -> None:
    key = _scanner(world)
    first, second = world.signed_in("pharmacist"), world.signed_in("pharmacist")
    for browser in (first, second):
        world.clock.forward(minutes=5)
        answer = browser.put(
            f"/api/v1/stock/scanners/{key}/operator", headers={"x-csrf-token": csrf_token(browser)}
        ).raise_for_status()
        assert answer.json()["username"] == _name(browser)
        assert world.rows(NOW_THERE, key) == [(_name(browser),)]
    assert [row[0] for row in world.rows("SELECT username FROM device_operator ORDER BY since")] == [
        _name(first),
        _name(second),
    ]
    listed = first.get("/api/v1/stock/scanners").json()
    assert [one["device_id"] for one in listed] == ["scanner-receiving", "scanner-issue"]
    assert [one["username"] for one in listed] == [_name(second), None]
    world.clock.forward(minutes=5)
    gone = first.delete(f"/api/v1/stock/scanners/{key}/operator", headers={"x-csrf-token": csrf_token(first)})
    assert gone.json()["username"] is None
    assert world.rows(NOW_THERE, key) == []


def test_signing_on_twice_is_signing_on_once_and_tells_the_pages_once(world: WORLD, csrf_token: CsrfToken) -> None:
    key, browser = _scanner(world), world.signed_in("pharmacist")
    for _ in range(2):
        world.clock.forward(minutes=1)
        browser.put(f"/api/v1/stock/scanners/{key}/operator", headers={"x-csrf-token": csrf_token(browser)})
    assert len(world.rows("SELECT FROM device_operator")) == 1
    told = world.rows("SELECT payload FROM live_event WHERE kind = 'operator' AND audience = 'pharmacy'")
    assert told == [({"device_key": key},)]


def test_the_button_on_the_page_signs_on_and_off(world: WORLD, csrf_token: CsrfToken, text_of: TextOf) -> None:
    key, browser = _scanner(world), world.signed_in("pharmacist")
    page = browser.get("/pharmacy").text
    assert f'action="/pharmacy/scanners/{key}"' in page
    assert "Tôi làm việc ở máy quét này" in text_of(page)
    form = {"act": "on", "csrf_token": csrf_token(browser)}
    assert browser.post(f"/pharmacy/scanners/{key}", data=form).headers["location"] == "/pharmacy#scanners"
    assert world.rows(NOW_THERE, key) == [(_name(browser),)]
    shown = text_of(browser.get("/pharmacy").text)
    assert _name(browser).title() in shown
    assert "Tôi thôi làm việc ở đây" in shown
    world.clock.forward(minutes=1)
    browser.post(f"/pharmacy/scanners/{key}", data={**form, "act": "off"})
    assert world.rows(NOW_THERE, key) == []


def test_who_only_looks_sees_who_works_there_and_has_no_button(world: WORLD, csrf_token: CsrfToken) -> None:
    key, viewer = _scanner(world), world.signed_in("viewer")
    page = viewer.get("/pharmacy").text
    assert '<section id="scanners"' in page
    assert "/pharmacy/scanners/" not in page
    token = {"x-csrf-token": csrf_token(viewer)}
    assert viewer.put(f"/api/v1/stock/scanners/{key}/operator", headers=token).status_code == httpx.codes.FORBIDDEN
    assert viewer.get("/api/v1/stock/scanners").is_success


@pytest.mark.parametrize("device_id", ["t-1", "uhf-1", "pn532-1"])
def test_nobody_works_at_a_device_that_is_no_scanner(world: WORLD, csrf_token: CsrfToken, device_id: str) -> None:
    browser = world.signed_in("pharmacist")
    path = f"/api/v1/stock/scanners/{_scanner(world, device_id)}/operator"
    assert browser.put(path, headers={"x-csrf-token": csrf_token(browser)}).status_code == httpx.codes.NOT_FOUND
