"""Signing in and out: passwords, one-time links, the first administrator, sessions and their ends."""

import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import pytest
from argon2 import PasswordHasher

from gateway.api.sign_in_delay import FORGET_AFTER, SignInDelay
from gateway.services.accounts import (
    AccountError,
    create_account,
    ensure_first_admin_link,
    find_account,
    sign_in_link,
    token_sha256,
)
from gateway.services.passwords import Passwords
from gateway.services.sessions import SessionPolicy

PASSWORD = "con mèo nằm trên mái nhà"  # noqa: S105 - a test's
WRONG = " ".join(["wrong"] * 3)
WORLD = Any


def _sign_in(browser: httpx.Client, username: str = "lan", password: str = PASSWORD) -> httpx.Response:
    return browser.post("/sign-in", data={"username": username, "password": password})


def test_a_right_password_opens_the_start_page(world: WORLD) -> None:
    world.account("lan", "clerk", password=PASSWORD)
    browser = world.browser()
    answer = _sign_in(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/desk").status_code == 200


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(world: WORLD) -> None:
    world.account("lan", "clerk", password=PASSWORD)
    wrong = _sign_in(world.browser(), password=WRONG)
    unknown = _sign_in(world.browser(), username="lam")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace('value="lan"', 'value="lam"') == unknown.text


def test_an_unknown_name_costs_one_hash_like_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str | bytes] = []

    class CountingHasher(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - its parent's name
            verified.append(hash)
            return super().verify(hash, password)

    monkeypatch.setattr("gateway.services.passwords.PasswordHasher", CountingHasher)
    passwords = Passwords()
    assert passwords.matches(passwords.hash(PASSWORD), PASSWORD)
    assert not passwords.matches(None, PASSWORD)
    assert len(verified) == 2
    known, unknown = (str(hash_).rsplit("$", 2)[0] for hash_ in verified)
    assert known == unknown == "$argon2id$v=19$m=19456,t=2,p=1"


def test_a_password_typed_with_composed_or_decomposed_letters_is_the_same(world: WORLD) -> None:
    world.account("lan", "clerk", password=unicodedata.normalize("NFC", PASSWORD))
    assert _sign_in(world.browser(), password=unicodedata.normalize("NFD", PASSWORD)).status_code == 303


def test_a_disabled_account_can_not_sign_in_and_its_session_ends(world: WORLD) -> None:
    world.account("lan", "clerk", password=PASSWORD)
    browser = world.browser()
    _sign_in(browser)
    world.execute("UPDATE login_account SET disabled_at = now() WHERE username = 'lan'")
    assert browser.get("/api/v1/session").status_code == 401
    assert _sign_in(world.browser()).status_code == 401


def test_repeated_failures_slow_this_account_from_this_address_down_and_lock_nobody_out(world: WORLD) -> None:
    world.account("lan", "clerk", password=PASSWORD)
    world.account("mai", "clerk", password=PASSWORD)
    for _ in range(3):
        assert _sign_in(world.browser(), password=WRONG).status_code == 401
    slowed = _sign_in(world.browser())
    assert (slowed.status_code, slowed.headers["retry-after"]) == (429, "1")
    assert _sign_in(world.browser(), username="mai").status_code == 303
    world.clock.forward(seconds=1)
    assert _sign_in(world.browser()).status_code == 303


def test_the_delay_grows_to_half_a_minute_and_is_forgotten_after_a_quarter_of_an_hour() -> None:
    delay, now = SignInDelay(), datetime(2026, 1, 1, tzinfo=UTC)
    waits = []
    for _ in range(9):
        delay.failed("lan", "10.0.0.1", now)
        waits.append(delay.wait_s("lan", "10.0.0.1", now))
    assert waits == [0, 0, 1, 2, 4, 8, 16, 30, 30]
    assert delay.wait_s("lan", "10.0.0.2", now) == 0
    assert delay.wait_s("lan", "10.0.0.1", now + FORGET_AFTER + timedelta(seconds=1)) == 0


def test_parallel_tries_gain_nothing_from_the_delay() -> None:
    delay, now = SignInDelay(), datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(4):
        delay.failed("lan", "10.0.0.1", now)
    later = now + timedelta(seconds=2)
    assert [delay.wait_s("lan", "10.0.0.1", later) for _ in range(3)] == [0, 4, 4]


def test_the_session_cookie_is_closed_to_scripts_and_other_sites(make_world: Callable[..., WORLD]) -> None:
    for base_url, name, secure in (
        ("http://testserver", "medtap_session", False),
        ("https://medtap.hospital.lan", "__Host-medtap_session", True),
    ):
        world = make_world(base_url=base_url)
        world.account("lan", "clerk", password=PASSWORD)
        cookie = _sign_in(world.browser()).headers["set-cookie"]
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert cookie.startswith(f"{name}=")
        assert {"httponly", "samesite=lax", "path=/"} <= flags
        assert ("secure" in flags) is secure


def test_the_database_keeps_no_token_that_could_be_used(world: WORLD) -> None:
    browser = world.signed_in("clerk")
    token = browser.cookies["medtap_session"]
    assert world.rows("SELECT token_sha256 FROM login_session") == [(token_sha256(token),)]


def test_signing_out_ends_the_session_on_the_server(world: WORLD, csrf_token: Callable[[httpx.Client], str]) -> None:
    browser = world.signed_in("clerk")
    stolen = browser.cookies["medtap_session"]
    answer = browser.post("/sign-out", data={"csrf_token": csrf_token(browser)})
    assert answer.headers["location"] == "/sign-in"
    thief = world.browser()
    thief.cookies.set("medtap_session", stolen)
    assert thief.get("/api/v1/session").status_code == 401


def test_signing_in_anew_ends_the_session_that_the_browser_had(world: WORLD) -> None:
    world.account("lan", "clerk", password=PASSWORD)
    browser = world.signed_in("clerk")
    before = browser.cookies["medtap_session"]
    browser.cookies.clear()
    browser.cookies.set("medtap_session", before)
    _sign_in(browser)
    planted = world.browser()
    planted.cookies.set("medtap_session", before)
    assert planted.get("/api/v1/session").status_code == 401


def test_a_session_ends_after_its_idle_time_and_use_keeps_it(make_world: Callable[..., WORLD]) -> None:
    world = make_world(policy=SessionPolicy(idle=timedelta(minutes=10), absolute=timedelta(minutes=25)))
    browser = world.signed_in("clerk")
    for _ in range(2):
        world.clock.forward(minutes=9)
        assert browser.get("/api/v1/session").status_code == 200
    world.clock.forward(minutes=10)
    assert browser.get("/api/v1/session").status_code == 401


def test_a_session_ends_after_its_absolute_time_however_much_it_is_used(make_world: Callable[..., WORLD]) -> None:
    world = make_world(policy=SessionPolicy(idle=timedelta(minutes=10), absolute=timedelta(minutes=25)))
    browser = world.signed_in("clerk")
    answers = []
    for _ in range(5):
        world.clock.forward(minutes=6)
        answers.append(browser.get("/api/v1/session").status_code)
    assert answers == [200, 200, 200, 200, 401]


def test_a_person_who_is_not_signed_in_is_led_to_the_sign_in_page_and_back(world: WORLD) -> None:
    world.account("lan", "on_call", password=PASSWORD)
    browser = world.browser()
    answer = browser.get("/on-call", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fon-call")
    assert 'name="next" value="/on-call"' in browser.get(answer.headers["location"]).text
    signed_in = browser.post("/sign-in", data={"username": "lan", "password": PASSWORD, "next": "/on-call"})
    assert signed_in.headers["location"] == "/on-call"


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example/", "/\\evil.example", "evil", "/a\r\nX: y"])
def test_the_way_back_after_sign_in_never_leads_to_another_site(world: WORLD, path: str) -> None:
    world.account("lan", "clerk", password=PASSWORD)
    answer = world.browser().post("/sign-in", data={"username": "lan", "password": PASSWORD, "next": path})
    assert answer.headers["location"] == "/"


def test_looking_at_a_one_time_link_does_not_use_it_up_but_pressing_the_button_does(world: WORLD) -> None:
    world.account("lan", "clerk")
    with world.pool.connection() as connection:
        token = sign_in_link(connection, "lan", "http://testserver", world.clock()).partition("token=")[2]
    browser = world.browser()
    for _ in range(3):
        assert f'value="{token}"' in browser.get("/enter", params={"token": token}).text
    assert browser.post("/enter", data={"token": token}).status_code == 303
    assert browser.get("/api/v1/session").json()["username"] == "lan"
    assert world.browser().post("/enter", data={"token": token}).status_code == 410


def test_a_one_time_link_ends_after_a_day(world: WORLD) -> None:
    world.account("lan", "clerk")
    with world.pool.connection() as connection:
        token = sign_in_link(connection, "lan", "http://testserver", world.clock()).partition("token=")[2]
    world.clock.forward(hours=24)
    assert world.browser().post("/enter", data={"token": token}).status_code == 410


def test_a_link_for_a_name_that_does_not_exist_is_refused(world: WORLD) -> None:
    with world.pool.connection() as connection, pytest.raises(AccountError) as caught:
        sign_in_link(connection, "nobody", "http://testserver", world.clock())
    assert str(caught.value) == "There is no active account 'nobody': create it first"


def _setup_form(token: str, **changes: str) -> dict[str, str]:
    form = {
        "token": token,
        "username": "lan",
        "display_name": "Nguyễn Thị Lan",
        "password": PASSWORD,
        "again": PASSWORD,
    }
    return form | changes


def _first_link(world: WORLD) -> str:
    with world.pool.connection() as connection:
        link = ensure_first_admin_link(connection, "http://testserver", world.clock())
    assert link is not None
    assert link.startswith("http://testserver/setup?token=")
    return link.partition("token=")[2]


def test_the_first_link_makes_the_first_administrator_once_and_signs_them_in(world: WORLD) -> None:
    token = _first_link(world)
    browser = world.browser()
    assert f'value="{token}"' in browser.get("/setup", params={"token": token}).text
    assert browser.post("/setup", data=_setup_form(token)).status_code == 303
    assert "admin" in browser.get("/api/v1/session").json()["roles"]
    assert world.browser().post("/setup", data=_setup_form(token, username="mai")).status_code == 410
    with world.pool.connection() as connection:
        assert ensure_first_admin_link(connection, "http://testserver", world.clock()) is None


def test_a_mistake_in_the_set_up_form_does_not_use_the_link_up(world: WORLD, text_of: Callable[[str], str]) -> None:
    token = _first_link(world)
    browser = world.browser()
    for changes, words in (
        ({"again": "another sentence"}, "Hai mật khẩu không giống nhau."),
        ({"password": "short", "again": "short"}, "Mật khẩu quá ngắn: cần ít nhất 15 ký tự."),
        ({"username": "Lan Nguyễn"}, "Tên tài khoản có ký tự không được phép."),
    ):
        answer = browser.post("/setup", data=_setup_form(token, **changes))
        assert answer.status_code == 422
        assert words in text_of(answer.text)
        assert PASSWORD not in answer.text
    assert browser.post("/setup", data=_setup_form(token)).status_code == 303


def test_a_new_first_link_ends_the_one_before(world: WORLD) -> None:
    old, new = _first_link(world), _first_link(world)
    assert world.browser().post("/setup", data=_setup_form(old)).status_code == 410
    assert world.browser().post("/setup", data=_setup_form(new)).status_code == 303


def test_there_is_no_way_in_without_a_link_or_an_account(world: WORLD) -> None:
    browser = world.browser()
    for username in ("admin", "root", "medtap"):
        for password in ("", "admin", "password"):
            assert _sign_in(browser, username, password).status_code in {401, 422, 429}
    assert browser.post("/setup", data=_setup_form("made-up")).status_code == 410


def test_an_account_with_a_wrong_name_role_or_password_is_refused_by_name(world: WORLD) -> None:
    with world.pool.connection() as connection:
        for arguments, code in (
            (("Lan", "Lan", None, ["clerk"]), "bad_username"),
            (("lan", "  ", None, ["clerk"]), "bad_display_name"),
            (("lan", "Lan", None, ["surgeon"]), "bad_role"),
            (("lan", "Lan", None, []), "bad_role"),
            (("lan", "Lan", "short", ["clerk"]), "short_password"),
            (("lan", "Lan", "x" * 201, ["clerk"]), "long_password"),
        ):
            with pytest.raises(AccountError) as caught:
                create_account(connection, *arguments)
            assert caught.value.code == code
        assert find_account(connection, "lan") is None
        create_account(connection, "lan", "Lan", None, ["clerk"])
        with pytest.raises(AccountError, match="There is an account 'lan' already"):
            create_account(connection, "lan", "Lan", None, ["clerk"])


def test_two_browsers_with_the_first_link_make_one_administrator(world: WORLD) -> None:
    token = _first_link(world)
    browsers = [world.browser() for _ in range(4)]
    with ThreadPoolExecutor(4) as at_once:
        forms = [_setup_form(token, username=f"admin-{place}") for place in range(4)]
        answers = list(
            at_once.map(lambda pair: pair[0].post("/setup", data=pair[1]), zip(browsers, forms, strict=True))
        )
    assert sorted(answer.status_code for answer in answers) == [303, 410, 410, 410]
    assert world.rows("SELECT count(*) FROM login_account") == [(1,)]


def test_signing_in_and_failing_to_are_written_down(world: WORLD) -> None:
    world.account("lan", "clerk", password=PASSWORD)
    _sign_in(world.browser(), password=WRONG)
    _sign_in(world.browser())
    rows = world.rows("SELECT username, action, object FROM audit ORDER BY audit_id")
    assert rows[-2:] == [(None, "sign_in_failed", "lan"), ("lan", "signed_in", "lan")]
