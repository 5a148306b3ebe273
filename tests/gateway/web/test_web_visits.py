"""Visits at the pages: a clerk without a card, a mother with two children, a nurse at her door, a board, an import."""

import ast
import dataclasses
import re
import uuid
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.pages import visit_words
from gateway.pages.refusal_words import REFUSALS
from gateway.pages.visit_words import VISIT_REFUSALS
from gateway.people.person import NewGuardian
from gateway.taps.presence_token import PresenceTokens
from gateway.taps.tap_services import TapServices
from gateway.visits.insurance_codes import VERDICTS
from tests.gateway.people_kit import SOMEBODY, people_of, register

WORLD = Any
Token = Callable[[httpx.Client], str]
Text = Callable[[str], str]
GATEWAY: Final = Path(str(files("gateway")))
FAMILY: Final = {"VisitRefusedError", "VisitNotFoundError", "VisitConflictError"}
CITIZEN: Final = "079180012345"
HIDDEN: Final = re.compile(r'name="(\w+)" value="([^"]*)"')
PAGE: Final = {"accept": "text/html"}


class Person:
    """A browser with forms."""

    def __init__(self, world: WORLD, csrf: Token, *roles: str) -> None:
        self.browser: httpx.Client = world.signed_in(*roles)
        self.token = csrf(self.browser)

    def post(self, address: str, **fields: Any) -> httpx.Response:  # noqa: ANN401 - a form's fields
        """Send a form; the page that it leads to."""
        answer = self.browser.post(address, data={"csrf_token": self.token, **fields}, headers=PAGE)
        if answer.status_code == 303:
            return self.browser.get(answer.headers["location"], headers=PAGE)
        return answer

    def send(self, address: str, body: Any, status: int = 200, method: str = "POST") -> Any:  # noqa: ANN401 - JSON
        """As a program."""
        answer = self.browser.request(method, f"/api/v1{address}", json=body, headers={"x-csrf-token": self.token})
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def page(self, address: str) -> str:
        """What stands there."""
        answer = self.browser.get(address, headers=PAGE)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
def clinics(world: WORLD, csrf_token: Token) -> WORLD:
    """Two clinics with their doors, made by the administrator's page."""
    admin = Person(world, csrf_token, "admin")
    heart = {"clinic_id": "heart", "code": "TM", "name_vi": "Tim mạch", "name_en": "Cardiology", "active": "yes"}
    eyes = {"clinic_id": "eyes", "code": "M", "name_vi": "Mắt", "name_en": "Eyes", "active": "yes"}
    for clinic in (heart, eyes):
        assert admin.post("/admin/clinics", **clinic).status_code == 200
    for number in (1, 2):
        door = {"door_vi": f"Phòng {number}", "door_en": f"Room {number}", "active": "yes"}
        assert admin.post("/admin/clinic-rooms", clinic_id="heart", room_id=f"room-{number}", **door).status_code == 200
    taken = admin.post("/admin/clinics", **{**eyes, "clinic_id": "skin", "code": "TM"})
    assert taken.status_code == 422
    assert "TM" in taken.text
    return world


def fields_of(page: str, form: str) -> dict[str, str]:
    """The hidden fields of the first form that is sent to this address."""
    return dict(HIDDEN.findall(page.partition(f'action="{form}"')[2].partition("</form>")[0]))


def test_a_clerk_checks_in_whoever_shows_papers_and_gives_them_a_number(
    clinics: WORLD, csrf_token: Token, text_of: Text
) -> None:
    with clinics.pool.connection() as connection:
        na = register(connection, "Lê Thị Na", date(2024, 5, 1), citizen_id=CITIZEN, insurance_number="TE1797912345670")
    clerk = Person(clinics, csrf_token, "clerk")
    found = clerk.post("/desk/walk-in", text=f"{CITIZEN}||Lê Thị Na|01052024|Nữ|1 Lê Lợi|01012025")
    assert "LÊ" in found.text
    assert CITIZEN not in str(found.url), "what was looked for stands in no address"
    form = fields_of(found.text, "/desk/walk-in/check-in")
    assert form["identified_by"] == "citizen_card"
    visit = clerk.post("/desk/walk-in/check-in", **form, clinic_id="heart")
    assert "TM-001" in text_of(visit.text)
    assert "Trẻ dưới 6 tuổi" not in visit.text.partition("<select")[0], "the age was not looked at yet"
    again = clerk.post("/desk/walk-in/check-in", **form, clinic_id="heart")
    assert again.url == visit.url, "sent twice it is one visit"
    paper = clerk.browser.get(f"{visit.url.path}/ticket.pdf")
    assert paper.content.startswith(b"%PDF-")
    there = clerk.post(f"{visit.url.path}/act", event_id=uuid.uuid4(), act="transfer", clinic_id="eyes")
    assert "M-001" in text_of(there.text)
    refused = clerk.post(f"{visit.url.path}/act", event_id=uuid.uuid4(), act="recall")
    assert refused.status_code == 422
    assert "đang chờ" in refused.text
    rows = clinics.rows("SELECT patient_id, source, identified_by FROM visit WHERE visit_id = %s", _id(visit))
    assert rows == [(na, "walk_in", "citizen_card")]
    unknown = clerk.post("/desk/walk-in", text="Không Ai Cả")
    assert "/patients/new" in unknown.text


def _id(page: httpx.Response) -> uuid.UUID:
    return uuid.UUID(page.url.path.rpartition("/")[2])


def test_a_mother_checks_in_those_of_her_children_who_have_come(clinics: WORLD, csrf_token: Token) -> None:
    with clinics.pool.connection() as connection:
        children = [register(connection, f"Trần {name}", date(2019, 1, 1)) for name in ("An", "Bình", "Chi")]
        people, mother = people_of(clinics.clock), NewGuardian("Nguyễn Thị Mẹ", "mother", None, CITIZEN)
        guardian = {people.enter_guardian(connection, child, mother, SOMEBODY) for child in children}.pop()
        stranger = register(connection, "Vũ Lạ", date(2019, 1, 1))
    clerk = Person(clinics, csrf_token, "clerk")
    page = clerk.post("/desk/walk-in", text=f"{CITIZEN}||Nguyễn Thị Mẹ|01011990|Nữ||").text
    assert page.count('type="checkbox" name="patient_id"') == 3
    form = {"event_id": str(uuid.uuid4()), "guardian_id": str(guardian), "clinic_id": "heart"}
    done = clerk.post("/desk/walk-in/check-in", **form, patient_id=[str(one) for one in children[:2]])
    assert ("TM-001" in done.text, "TM-002" in done.text) == (True, True)
    rows = clinics.rows("SELECT patient_id FROM visit WHERE source = 'guardian' AND identified_by = 'guardian'")
    assert {row[0] for row in rows} == set(children[:2])
    refused = clerk.post("/desk/walk-in/check-in", **form, patient_id=str(stranger))
    assert refused.status_code == 422
    assert clerk.post("/desk/walk-in/check-in", **form).status_code == 422, "nobody is ticked"


def test_a_nurse_calls_lets_in_misses_and_undoes_at_her_door(clinics: WORLD, csrf_token: Token, text_of: Text) -> None:
    clerk, nurse = Person(clinics, csrf_token, "clerk"), Person(clinics, csrf_token, "clinician")
    for place in (1, 2, 3):
        body = {"event_id": str(uuid.uuid4()), "clinic_id": "heart"}
        clerk.send(f"/visits/{uuid.UUID(int=100 + place)}/queue", body, 201)
    room = nurse.page("/rooms/room-1")
    assert "Trẻ dưới 6 tuổi" in room, "the ages of those who wait were looked at"
    called = nurse.post("/rooms/room-1/call-next", **fields_of(room, "/rooms/room-1/call-next"))
    assert "Đã gọi" in text_of(called.text)
    first = fields_of(called.text, "/rooms/room-1/act")
    in_room = nurse.post("/rooms/room-1/act", **first)
    assert "Đang khám" in in_room.text
    assert nurse.post("/rooms/room-1/act", **first).status_code == 200, "pressed twice it is one act"
    undo = {**first, "event_id": str(uuid.uuid4()), "act": "undo"}
    assert "Gọi lại" in nurse.post("/rooms/room-1/act", **undo).text
    missed = nurse.post("/rooms/room-1/act", **{**first, "event_id": str(uuid.uuid4()), "act": "miss"})
    assert "Gọi không có mặt" in missed.text
    busy = nurse.send("/queues/rooms/room-1/call-next", {"event_id": str(uuid.uuid4())})
    assert busy["ticket"] == "TM-002"
    refused = nurse.send("/queues/rooms/room-1/call-next", {"event_id": str(uuid.uuid4())}, 422)
    assert (refused["code"], refused["values"]) == ("room_calling", {"ticket": "TM-002"})
    queue = nurse.send("/queues/heart", None, method="GET")
    assert [len(queue[name]) for name in ("waiting", "called", "absent")] == [1, 1, 1]
    back = {"event_id": str(uuid.uuid4()), "act": "return"}
    assert nurse.send(f"/queues/entries/{first['entry_id']}", back)["state"] == "waiting"
    assert "TM-001" in nurse.page("/queues/heart")
    assert nurse.browser.get("/desk/walk-in", headers=PAGE).status_code == 403, "a nurse registers nobody"
    load = nurse.page("/desk/load?clinic=heart")
    assert '<rect class="bar"' in load
    hours = nurse.send("/visit-load?clinic_id=heart", None, method="GET")
    assert sum(hour["queued"] for hour in hours) == 3
    assert nurse.browser.get("/desk/load.csv").content.startswith(b"\xef\xbb\xbf")


def test_a_board_shows_numbers_and_doors_to_anyone_with_its_link_until_it_is_taken_back(
    clinics: WORLD, csrf_token: Token
) -> None:
    clerk = Person(clinics, csrf_token, "clerk")
    clerk.send(f"/visits/{uuid.UUID(int=101)}/queue", {"event_id": str(uuid.uuid4()), "clinic_id": "heart"}, 201)
    clerk.send("/queues/rooms/room-2/call-next", {"event_id": str(uuid.uuid4())})
    made = clerk.post("/desk/boards", name="Phòng chờ tầng 1", clinic_id="heart", language="vi").text
    link = re.search(r"http://testserver(/board/[\w-]+)", made)
    assert link is not None
    nobody = clinics.browser()
    board = nobody.get(link[1]).text
    assert ("TM-001" in board, "Phòng 2" in board, "Ngọc" in board) == (True, True, False)
    assert "Mời số T M 1 đến Phòng 2" in board
    assert link[1].rpartition("/")[2] not in clerk.page("/desk/boards"), "the link is shown once"
    clinics.feed.ends = True
    assert 'id="board"' in nobody.get(f"{link[1]}/live").text
    board_id = clinics.rows("SELECT board_id FROM board_link")[0][0]
    clerk.post(f"/desk/boards/{board_id}/revoke")
    assert nobody.get(link[1]).status_code == 410
    assert nobody.get(f"{link[1]}/live").status_code == 410
    assert nobody.get("/board/guessed").status_code == 410


def test_who_comes_on_the_wrong_day_is_told_where_and_when(clinics: WORLD, csrf_token: Token, text_of: Text) -> None:
    clerk = Person(clinics, csrf_token, "clerk")
    file = "reference,patient_number,clinic_id,date,time\nA1,26001207,heart,25/11/2026,\nA2,1,heart,25/11/2026,\n"
    answer = clerk.browser.post(
        "/desk/appointments", data={"csrf_token": clerk.token, "source": "HIS"}, files={"file": ("a.csv", file)}
    )
    assert "A2" in answer.text
    page = text_of(clerk.page(f"/desk/visits/{uuid.UUID(int=101)}"))
    assert "Sai ngày: hẹn ngày 25/11/2026, Tim mạch" in page
    assert "NGUYỄN" in clerk.page("/desk/appointments?day=2026-11-25")
    one = {"reference": "A3", "patient_number": "26001207", "clinic_id": "eyes", "due_on": "2026-11-22"}
    assert clerk.send("/appointments", {"source": "HIS", "appointments": [one]})["taken"] == 1
    form = {"event_id": str(uuid.uuid4()), "clinic_id": "heart"}
    proofless = clerk.post(f"/desk/visits/{uuid.UUID(int=101)}/queue", **form)
    assert proofless.status_code == 422, "neither card nor papers"
    assert "đầu đọc" in proofless.text
    done = text_of(clerk.post(f"/desk/visits/{uuid.UUID(int=101)}/queue", **form, identified_by="citizen_card").text)
    assert "Sai phòng khám: hẹn tại Mắt" in done
    broken = {"csrf_token": clerk.token, "source": "HIS"}
    wrong = clerk.browser.post("/desk/appointments", data=broken, files={"file": ("a.csv", "reference\n")})
    assert wrong.status_code == 422


def test_the_proof_of_a_tap_goes_with_the_number_and_another_patients_does_not(
    clinics: WORLD, csrf_token: Token
) -> None:
    tokens = PresenceTokens(ec.generate_private_key(ec.SECP256R1()))
    web = clinics.app.state.web
    services = dataclasses.replace(web.services, taps=TapServices(tokens, lambda: None))
    clinics.app.state.web = dataclasses.replace(web, services=services)
    clerk, address = Person(clinics, csrf_token, "clerk"), f"/desk/visits/{uuid.UUID(int=101)}/queue"
    ours, other = (tokens.issue("ab" * 16, uuid.UUID(int=one), "desk-1", 1, clinics.clock()) for one in (1, 2))
    form = {"event_id": str(uuid.uuid4()), "clinic_id": "heart", "place": "desk-1"}
    for wrong in (
        {**form, "presence": other},
        {**form, "presence": ours, "place": "desk-2"},
        {**form, "presence": ours[:-8] + "AAAAAAAA"},
    ):
        assert clerk.post(address, **wrong).status_code == 422
    clinics.clock.forward(minutes=11)
    assert clerk.post(address, **form, presence=ours).status_code == 422, "shown too long ago"
    fresh = tokens.issue("ab" * 16, uuid.UUID(int=1), "desk-1", 1, clinics.clock())
    assert "TM-001" in clerk.post(address, **form, presence=fresh).text
    facts = clinics.rows("SELECT facts FROM visit_event WHERE kind = 'queued'")[0][0]
    assert (facts["identified_by"], facts["place_id"]) == ("card", "desk-1")


def test_everything_that_visits_say_has_words() -> None:
    assert set(VERDICTS) == set(visit_words.INSURANCE)
    said, raised = set(REFUSALS), set()
    for path in (*GATEWAY.glob("visits/*.py"), *GATEWAY.glob("pages/*.py"), *GATEWAY.glob("api/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FAMILY:
                raised.add(str(getattr(node.args[0], "value", "refused")))
    assert len(raised) > 20
    assert raised - said == set()
    assert set(VISIT_REFUSALS) - raised - {"priority_missing", "clinic_missing"} == set()
