"""The pages of the schedule, the channels and the drills, and what other machines tell the pager."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.pager.alertmanager import as_alertmanager
from gateway.pager.config import PagerConfig
from gateway.pager.heartbeat import is_genuine, proof_of
from gateway.pager.parts import Pager, Surroundings

WORLD = Any
KEY = "k" * 32
NONCE = "n" * 24


@pytest.fixture
def pager(world: WORLD, tmp_path: Path) -> Iterator[Pager]:
    """A pager with a modem, mail and the files that machines need, given to the application."""
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "token").write_text("hush")
    config = PagerConfig.model_validate(
        {
            "channel": [
                {"name": "sms", "kind": "sms_modem", "path": "/dev/null", "receipt": "delivered"},
                {"name": "mail", "kind": "apprise", "url": "mailto://u:p@mail.test?to={address}"},
            ],
            "heartbeat": {"key_file": str(tmp_path / "key")},
            "alertmanager_token_file": str(tmp_path / "token"),
        }
    )
    around = Surroundings(world.pool, world.clock, ZoneInfo("Asia/Ho_Chi_Minh"), "http://testserver")
    pager = Pager(config, around, channels=[])
    web = world.app.state.web
    world.app.state.web = replace(web, services=replace(web.services, pager=pager))
    yield pager
    pager.stop()


def test_a_schedule_is_made_changed_and_swapped_on_its_page(world: WORLD, pager: Pager) -> None:
    for username in ("an", "binh", "chi"):
        world.account(username, "on_call")
    keeper = world.signed_in("on_call")
    token = {"csrf_token": keeper.get("/api/v1/session").json()["csrf_token"]}

    def post(path: str, **fields: Any) -> int:  # noqa: ANN401 - fields of a form
        status: int = keeper.post(f"/on-call/{path}", data={**token, **fields}).status_code
        return status

    empty = keeper.get("/on-call/rota").text
    assert "Lịch trực có chỗ trống" in empty
    for username, number in (("an", "0901 000 001"), ("binh", "0901000002"), ("chi", "0901000003")):
        assert post("rota/contacts", username=username, channel="sms", address=number) == 303
    assert post("rota/contacts", username="an", channel="sms", address="không có") == 422
    layer = {"name": "Hằng tuần", "members": "an\nbinh", "first_day": "16/11/2026", "hand_over_at": "08:00"}
    assert post("rota/layers", **layer, level=1) == 303
    assert post("rota/layers", **{**layer, "members": "nobody"}, level=1) == 422
    assert post("rota/layers", **{**layer, "members": "chi"}, level=2) == 303
    assert post("rota/holidays", day="24/11/2026", name="Ngày hội") == 303
    assert post("rota/quiet", username="an", quiet_from="22:00", quiet_to="06:00") == 303
    assert post("rota/notes", note="Tủ 3 đang sửa cửa") == 303
    page = keeper.get("/on-call/rota", params={"since": "2026-11-23"}).text
    assert "Lịch trực có chỗ trống" not in page
    for part in ("tel:+84901000001", "Tủ 3 đang sửa cửa", "Ngày hội", "22:00"):
        assert part in page
    now = keeper.get("/api/v1/pager/on-call").json()
    assert [(each["level"], each["username"]) for each in now] == [(1, "an"), (2, "chi"), (3, None)]
    assert now[0]["phones"] == ["+84901000001"]
    # A swap of two weeks, then a day off; both can be taken back.
    shifts = [each for each in keeper.get("/api/v1/pager/schedule").json() if each["level"] == 1]
    spans = [f"{each['starts_at']}/{each['ends_at']}".replace("Z", "+00:00") for each in shifts]
    assert post("rota/swaps", first=spans[0], second=spans[1], reason="cưới em") == 303
    assert keeper.get("/api/v1/pager/on-call").json()[0]["username"] == "binh"
    assert post("rota/swaps", first=spans[0], second=spans[0], reason="x") == 422
    span = {"from_day": "25/11/2026", "from_time": "07:00", "to_day": "25/11/2026", "to_time": "19:00"}
    assert post("rota/overrides", username="chi", reason="", **span) == 422
    assert post("rota/overrides", username="chi", reason="khám bệnh", **{**span, "to_time": "6h"}) == 422
    assert post("rota/overrides", username="chi", reason="khám bệnh", **span) == 303
    override = world.rows("SELECT override_id FROM rota_override WHERE reason = 'khám bệnh'")[0][0]
    assert post(f"rota/overrides/{override}/remove") == 303
    assert post(f"rota/overrides/{override}/remove") == 404
    assert world.signed_in("clerk").get("/on-call/rota").status_code == 403
    assert world.signed_in("pharmacist").post("/on-call/drills").status_code == 403


def test_channels_are_tested_and_drills_begun_from_their_pages(world: WORLD, pager: Pager) -> None:
    keeper = world.signed_in("admin")
    token = {"csrf_token": keeper.get("/api/v1/session").json()["csrf_token"]}
    assert "Chưa thử" in keeper.get("/on-call/channels").text
    assert "tested=log&written=1" in keeper.post("/on-call/channels/log/test", data=token).headers["location"]
    assert "written=0" in keeper.post("/on-call/channels/sms/test", data=token).headers["location"]
    assert keeper.post("/on-call/channels/nothing/test", data=token).status_code == 404
    assert world.rows("SELECT channel, kind FROM page WHERE kind = 'test'") == [("log", "test")]
    headers = {"x-csrf-token": token["csrf_token"]}
    assert keeper.post("/api/v1/pager/drills", headers=headers).status_code == 201
    refused = keeper.post("/api/v1/pager/drills", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "drill_running")
    assert "Đang có một lần diễn tập" in refused.json()["detail"]
    assert keeper.post("/on-call/drills/weekly", data={**token, "weekday": 3, "at_time": "09:30"}).status_code == 303
    page = keeper.get("/on-call/drills").text
    assert "Thứ tư lúc 09:30" in page
    assert "Đang chạy" in page
    for path in ("/on-call/rota", "/on-call/channels", "/on-call/drills"):
        keeper.post("/language", data={"language": "en", "next": path})
        assert keeper.get(path).status_code == 200


def test_another_system_s_alerts_come_in_with_the_token_and_only_so(world: WORLD, pager: Pager) -> None:
    facts = {
        "state": "active",
        "place_names_en": [],
        "condition": "DiskFull",
        "severity": "critical",
        "incident_number": 1,
        "place_id": None,
        "device": "",
        "is_drill": False,
        "text_en": "disk",
        "text_vi": "đĩa",
        "next_step_en": "",
        "next_step_vi": "",
        "started_at": "2026-11-22T02:00:00Z",
        "url": "",
        "incident_key": "a-b",
    }
    body = as_alertmanager(facts, "medtap")
    machine = world.browser()
    path = "/api/v1/pager/alertmanager"
    assert machine.post(path, json=body).status_code == 401
    assert machine.post(path, json=body, headers={"Authorization": "Bearer wrong"}).status_code == 401
    allowed = {"Authorization": "Bearer hush"}
    assert machine.post(path, json={**body, "version": "3"}, headers=allowed).status_code == 422
    for _ in range(2):
        assert machine.post(path, json=body, headers=allowed).json() == {"taken": 1}
    found = world.rows("SELECT condition, subject, severity, returned_at FROM alarm WHERE condition = 'external'")
    assert found == [("external", "alertmanager:DiskFull/ab", "critical", None)]
    resolved = as_alertmanager({**facts, "state": "returned"}, "medtap")
    machine.post(path, json=resolved, headers=allowed)
    assert world.rows("SELECT returned_at IS NOT NULL FROM alarm WHERE condition = 'external'") == [(True,)]


def test_a_watcher_gets_a_signed_answer_and_is_missed_from_then_on(world: WORLD, pager: Pager) -> None:
    machine = world.browser()
    proof = proof_of(KEY.encode(), "edge-1", NONCE)
    query = {"nonce": NONCE, "watcher": "edge-1", "every_s": "30", "proof": proof}
    answer = machine.get("/api/v1/pager/heartbeat", params=query).json()
    assert is_genuine(KEY.encode(), answer, NONCE)
    assert answer["parts"]["database"]
    machine.get("/api/v1/pager/heartbeat", params={**query, "watcher": "made-up"})
    assert world.rows("SELECT watcher FROM pager_watcher") == [("edge-1",)]
    assert machine.get("/api/v1/pager/heartbeat", params={"nonce": "short"}).status_code == 422
    assert machine.get("/api/v1/pager/receipts/nonsense").status_code == 404
    world.clock.forward(minutes=1)
    world.execute(
        "INSERT INTO pager_probe (token, channel, sent_at) VALUES ('0123456789abcdef', 'mail', %s)",
        world.clock() - timedelta(seconds=5),
    )
    assert machine.post("/api/v1/pager/receipts/0123456789abcdef").json() == {"known": True}
    assert world.rows("SELECT state FROM pager_channel WHERE channel = 'mail'") == [("ok",)]


def test_the_application_works_without_a_pager_too(world: WORLD) -> None:
    keeper = world.signed_in("on_call")
    assert keeper.get("/on-call/channels").status_code == 200
    assert keeper.get("/on-call/rota").status_code == 200
    assert world.browser().get("/api/v1/pager/heartbeat", params={"nonce": NONCE}).status_code == 404
