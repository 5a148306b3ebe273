"""The desk's page beyond the verdict: second identifiers, verdicts changed later; a card's address by telephone."""

import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cards.ntag424.ndef_address import read_address
from cards.ntag424.personalisation import personalise
from firmware_sim.ntag424_card import Ntag424Card
from gateway.api.rate_limit import RateLimit
from gateway.taps.second_identifier import QUESTIONS, TapRisk, question_for
from tests.cards.simulated_reader import SimulatedReader
from tests.gateway.web.conftest import TAG_MASTERS, TOKENS, MovableClock

pytestmark = pytest.mark.integration

WORLD = Any
TextOf = Callable[[str], str]
CsrfToken = Callable[[httpx.Client], str]
PATIENT = uuid.UUID(int=1)


def proven(world: WORLD, **changes: object) -> dict[str, Any]:
    """The newest tap is a check-in with its proof of presence; what the answer's form sends."""
    world.execute("DELETE FROM tap WHERE outcome <> 'checked_in'")
    device = world.rows("SELECT device_key FROM tap")[0][0]
    token = TOKENS.issue(f"{1:032x}", PATIENT, "desk-1", device, world.clock())
    world.execute("UPDATE tap SET presence_token = %s", token)
    for column, value in changes.items():
        world.execute(f"UPDATE tap SET {column} = %s", value)  # noqa: S608 - this test's own names
    epoch_key, seq = world.rows("SELECT epoch_key, seq FROM tap")[0]
    return {"epoch_key": epoch_key, "seq": seq, "question": "birth_date", "matched": "yes", "presence": token}


def test_the_second_identifier_is_asked_hidden_and_its_answer_is_kept(
    world: WORLD, text_of: TextOf, csrf_token: CsrfToken
) -> None:
    form, clerk = proven(world), world.signed_in("clerk")
    shown = text_of(clerk.get("/desk").text)
    assert "Người bệnh sinh ngày nào?" in shown
    before_answer = shown[: shown.index("Hỏi Người bệnh")]
    assert "2023 (3 tuổi)" in before_answer
    assert "14/03/2023" not in before_answer
    csrf = {"csrf_token": csrf_token(clerk)}
    stale = clerk.post("/desk/answer", data={**form, **csrf, "presence": "AAAA"})
    assert stale.status_code == 422
    assert clerk.post("/desk/answer", data={**form, **csrf}).status_code == 303
    assert "Thông tin nhận dạng thứ hai đã khớp." in text_of(clerk.get("/desk").text)
    assert world.rows("SELECT second_identifier, second_identifier_matched FROM tap") == [("birth_date", True)]
    # By the API: the same answer is no change, another one is refused.
    path, headers = f"/api/v1/taps/{form['epoch_key']}/{form['seq']}", {"X-CSRF-Token": csrf_token(clerk)}
    given = {"question": "birth_date", "matched": True, "presence": form["presence"]}
    assert clerk.post(f"{path}/second-identifier", json=given, headers=headers).status_code == 204
    otherwise = clerk.post(f"{path}/second-identifier", json={**given, "matched": False}, headers=headers)
    assert (otherwise.status_code, otherwise.json()["code"]) == (409, "tap_answered")
    assert world.signed_in("pharmacist").post("/desk/answer", data=form).status_code == 403


def test_a_wrong_answer_stops_the_check_in_and_an_old_proof_is_none(
    world: WORLD, text_of: TextOf, csrf_token: CsrfToken
) -> None:
    form, clerk = proven(world), world.signed_in("clerk")
    csrf = {"csrf_token": csrf_token(clerk)}
    world.clock.forward(minutes=11)
    late = clerk.post("/desk/answer", data={**form, **csrf}, headers={"accept": "application/json"})
    assert (late.status_code, late.json()["code"]) == (422, "presence_expired")
    world.clock.forward(minutes=-11)
    assert clerk.post("/desk/answer", data={**form, **csrf, "matched": "no"}).status_code == 303
    page = clerk.get("/desk").text
    shown = text_of(page)
    assert "Không phải người bệnh của thẻ" in shown
    assert "Số thứ tự 1" not in shown
    assert 'data-sound="alarm"' in page


def test_what_the_desk_was_told_while_it_was_cut_off_stands_there_until_it_is_dealt_with(
    world: WORLD, text_of: TextOf, csrf_token: CsrfToken
) -> None:
    clerk = world.signed_in("clerk")
    world.execute("DELETE FROM tap WHERE outcome NOT IN ('lost_card', 'checked_in')")
    world.execute(
        "UPDATE tap SET difference = 'accepted_there', edge_card_state = 'in_order', edge_list_number = 7,"
        " edge_list_age_s = 7200, edge_list_stale = true WHERE outcome = 'lost_card'"
    )
    shown = text_of(clerk.get("/desk").text)
    for part in (
        "Kết luận đã thay đổi sau khi quầy mất kết nối",
        "Màn hình tại quầy đã báo: thẻ thật, đang sử dụng",
        "Máy chủ kết luận: Thẻ đã báo mất",
        "Hãy tìm người đó và kiểm tra giấy tờ",
    ):
        assert part in shown
    epoch_key, seq = world.rows("SELECT epoch_key, seq FROM tap WHERE difference <> ''")[0]
    form = {"epoch_key": epoch_key, "seq": seq, "csrf_token": csrf_token(clerk)}
    assert clerk.post("/desk/changed", data=form).status_code == 303
    assert "Kết luận đã thay đổi" not in clerk.get("/desk").text
    gone = clerk.post("/desk/changed", data={**form, "seq": 999}, headers={"accept": "application/json"})
    assert (gone.status_code, gone.json()["code"]) == (404, "tap_unknown")


def test_a_reader_without_a_desk_and_a_late_tap_are_said(world: WORLD, text_of: TextOf) -> None:
    proven(world, received_at=world.clock() + timedelta(minutes=7))
    world.execute("UPDATE device SET place_id = NULL WHERE device_id = 'pn532-1'")
    shown = text_of(world.signed_in("clerk").get("/desk").text)
    assert "Đầu đọc này chưa thuộc quầy nào" in shown
    assert "Quầy bị mất kết nối; máy chủ nhận được tin lúc" in shown


def test_a_card_opened_on_a_telephone_is_genuine_once_and_names_nobody(world: WORLD, text_of: TextOf) -> None:
    uid = bytes.fromhex("04a1b2c3d4e580")
    chip = Ntag424Card(uid, random.Random(3))  # noqa: S311 - a seeded chip
    personalise(SimulatedReader(chip), TAG_MASTERS, "https://the.hospital.example/t")
    telephone = world.browser()

    def opened(address: str) -> tuple[str, str]:
        answer = telephone.get("/t", params=dict(httpx.URL(address).params))
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        return text_of(answer.text), answer.text

    def address() -> str:
        return read_address(SimulatedReader(chip))

    assert "Thẻ chưa được sử dụng" in opened(address())[0]
    world.execute("INSERT INTO card (card_id, patient_id, profile) VALUES (%s, %s, 'ntag424')", uid.hex(), PATIENT)
    first = address()
    said, html = opened(first)
    assert "Thẻ khám bệnh thật" in said
    assert "Gọi bệnh viện: 028 3829 5723" in said
    assert not {"Nguyễn", "Bảo Ngọc", uid.hex(), str(PATIENT)} & set(html.replace("<", " ").split())
    assert "Địa chỉ đã được mở" in opened(first)[0]
    ahead = telephone.get("/t", params=dict(httpx.URL(address()).params), headers={"Sec-Purpose": "prefetch"})
    assert (ahead.status_code, ahead.text) == (204, "")
    world.execute("UPDATE card SET state = 'lost' WHERE card_id = %s", uid.hex())
    assert "Thẻ đã báo mất" in opened(address())[0]
    for wrong in (first.replace("&c=", "&c=0")[:-1], "https://x/t?v=01", "https://x/t"):
        assert "Không phải thẻ thật" in opened(wrong)[0]
    assert world.rows("SELECT count(*), count(DISTINCT source) FROM sun_use") == [(3, 1)]


def test_the_public_page_is_limited_by_address_and_in_all() -> None:
    clock = MovableClock()
    limit = RateLimit(each_per_s=0.5, each_at_once=3, all_per_s=10.0, all_at_once=5)
    assert [limit.allows("a", clock()) for _ in range(4)] == [True, True, True, False]
    assert [limit.allows("b", clock()) for _ in range(3)] == [True, True, False]
    clock.forward(seconds=2)
    assert [limit.allows("a", clock()) for _ in range(2)] == [True, False]


def test_the_riskier_the_tap_the_less_known_the_question_and_it_changes_from_tap_to_tap() -> None:
    clock = MovableClock()
    plain = TapRisk("piv", clock() - timedelta(days=90), clock(), clock(), "documented")
    bearer = TapRisk("ntag424", clock() - timedelta(days=90), clock(), clock(), "documented")
    doubtful = TapRisk("ntag424", clock() - timedelta(days=2), clock(), clock() + timedelta(hours=1), "stated")
    assert (plain.level, bearer.level, doubtful.level) == (0, 1, 2)
    assert {question_for(plain, QUESTIONS, turn) for turn in range(9)} == {"birth_date"}
    assert {question_for(bearer, QUESTIONS, turn) for turn in range(9)} == {"birth_date", "guardian_name", "phone"}
    assert "birth_date" not in {question_for(doubtful, QUESTIONS, turn) for turn in range(9)}
    assert question_for(doubtful, {"birth_date"}, 1) == "birth_date"
    assert question_for(plain, set(), 1) is None
