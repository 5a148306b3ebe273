"""Pages and API of people: found, registered, merged, opened with a reason, audited; nothing personal elsewhere."""

import csv
import io
import logging
import re
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

import httpx
import pytest

from gateway.people.audit_chain import seal_audit
from gateway.people.person import NewPatient
from tests.gateway.people_kit import KEYS, SOMEBODY, people_of

pytestmark = pytest.mark.integration
WORLD = Any
NGOC, KHOI = uuid.UUID(int=1), uuid.UUID(int=2)
QR: Final = "079219009999||Đỗ Thị Thanh Trúc|05072019|Nữ|12 Nguyễn Thị Minh Khai, Quận 1|01012022"


class Clerk:
    """A signed-in browser that sends forms and JSON."""

    def __init__(self, world: WORLD, csrf_token: Callable[[httpx.Client], str], *roles: str) -> None:
        self.browser = world.signed_in(*(roles or ("clerk",)))
        self.token = csrf_token(self.browser)

    def page(self, path: str, status: int = 200) -> str:
        answer: httpx.Response = self.browser.get(path, headers={"accept": "text/html"})
        assert answer.status_code == status, answer.text
        return str(answer.text)

    def send(self, path: str, status: int = 200, /, **fields: str) -> httpx.Response:
        data = {"csrf_token": self.token, **fields}
        answer: httpx.Response = self.browser.post(
            path, data=data, headers={"accept": "text/html"}, follow_redirects=True
        )
        assert answer.status_code == status, answer.text
        return answer

    def api(self, method: str, path: str, status: int = 200, body: object = None) -> Any:  # noqa: ANN401 - JSON
        headers = {"x-csrf-token": self.token}
        answer = self.browser.request(method, f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


@pytest.fixture
def clerk(world: WORLD, csrf_token: Callable[[httpx.Client], str]) -> Clerk:
    return Clerk(world, csrf_token)


def _id_in(address: httpx.URL) -> uuid.UUID:
    return uuid.UUID(address.path.split("/")[2])


def test_a_patient_is_registered_from_a_scanned_card_and_found_again(
    clerk: Clerk, text_of: Callable[[str], str]
) -> None:
    nobody = text_of(clerk.send("/patients/search", text=QR).text)
    assert "Chưa có ai đăng ký như vậy." in nobody
    assert "Đăng ký bằng thẻ này" in nobody
    form = clerk.send("/patients/new/from-card", text=QR).text
    for value in ('value="Đỗ Thị Thanh Trúc"', 'value="05/07/2019"', 'value="079219009999"', 'value="female" selected'):
        assert value in form
    fields = {
        "full_name": "Đỗ Thị Thanh Trúc",
        "birth_date": "05/07/2019",
        "sex": "female",
        "citizen_id": "079219009999",
    }
    done = clerk.send("/patients/new", **fields, identity_confidence="documented")
    shown = text_of(done.text)
    for part in ("ĐỖ Thị Thanh Trúc", "2600 0001", "Đã xem giấy tờ", "Dưới 14 tuổi: hãy nhập người giám hộ của trẻ."):
        assert part in shown
    patient_id = _id_in(done.url)
    # By the card's code, by a name in a hurry; the address says nothing of what was looked for.
    for text in (QR, "do thi truc", "26000001"):
        found = clerk.send("/patients/search", text=text)
        assert f"/patients/{patient_id}" in found.text
        assert found.url.query == b""
    again = text_of(clerk.send("/patients/new", 422, **fields).text)
    assert "Đã có người đăng ký với số căn cước này." in again
    for wrong, said in (
        ({"birth_date": "31/02/2019"}, "Đây không phải ngày."),
        ({"citizen_id": "12"}, "Số căn cước có đúng 12 chữ số."),
        ({"identity_confidence": "proven"}, "Hãy chọn trong danh sách."),
    ):
        assert said in text_of(clerk.send("/patients/new", 422, **{**fields, **wrong}).text)
    assert "cũng không phải thẻ BHYT" in text_of(clerk.send("/patients/new/from-card", 422, text="hello").text)
    # The guardian's card is scanned too, and a brother is linked to the same one.
    mother = "079190001111||Nguyễn Thị Lan|01021990|Nữ|12 Nguyễn Thị Minh Khai|01012022"
    clerk.send(f"/patients/{patient_id}/guardians", full_name=mother, relation="mother", phone="0903123456")
    brother = _id_in(clerk.send("/patients/new", full_name="Đỗ Minh", birth_date="01/02/2021").url)
    page = clerk.send(
        f"/patients/{brother}/guardians", full_name="nguyễn thị lan", relation="mother", phone="0903 123 456"
    )
    assert f"/patients/{patient_id}" in page.text
    assert "Thị Thanh Trúc" in text_of(page.text)
    guardian_id = re.findall(r"/guardians/([0-9a-f-]{36})", page.text)[0]
    left = clerk.send(f"/patients/{brother}/guardians/{guardian_id}", remove="yes")
    assert "Chưa nhập ai." in text_of(left.text)


def test_a_newborn_keeps_its_number_when_it_gets_its_name(
    world: WORLD, clerk: Clerk, text_of: Callable[[str], str]
) -> None:
    assert "trẻ sơ sinh" in clerk.page("/patients/newborn").lower()
    born = clerk.send(
        "/patients/newborn", mother_name="Nguyễn Thị Lan", mother_phone="0903123456", birth_date="21/11/2026"
    )
    patient_id = _id_in(born.url)
    assert "CON BÀ NGUYỄN THỊ LAN" in text_of(born.text)
    assert "Còn mang tên mẹ." in text_of(born.text)
    seen = re.findall(r'name="seen" value="([^"]+)"', clerk.page(f"/patients/{patient_id}/edit"))[0]
    named = {
        "full_name": "Trần Lan Chi",
        "birth_date": "21/11/2026",
        "sex": "female",
        "seen": seen.replace("&#43;", "+"),
    }
    world.clock.forward(minutes=1)
    done = text_of(clerk.send(f"/patients/{patient_id}/edit", **named).text)
    assert "TRẦN Lan Chi" in done
    assert "2600 0001" in done
    assert "vừa được người khác sửa" in text_of(clerk.send(f"/patients/{patient_id}/edit", 422, **named).text)


def test_two_records_are_compared_merged_and_parted(world: WORLD, clerk: Clerk, text_of: Callable[[str], str]) -> None:
    other = _id_in(
        clerk.send("/patients/new", full_name="Nguyen Hoang Bao Ngoc", birth_date="14/03/2023", phone="0903123456").url
    )
    record = clerk.page(f"/patients/{NGOC}")
    assert "Có thể là cùng một người" in record
    assert f"/patients/{NGOC}/merge/{other}" in record
    assert f"/patients/{NGOC}/merge/{other}" in clerk.page("/patients/duplicates")
    side = clerk.page(f"/patients/{NGOC}/merge/{other}")
    assert 'name="full_name" value="survivor" checked' in side
    assert 'name="phone" value="merged" checked' in side
    merged = clerk.send(f"/patients/{NGOC}/merge/{other}", full_name="survivor", phone="merged")
    assert "0903123456" in merged.text
    assert "Gộp từ nhiều hồ sơ" in merged.text
    world.execute("UPDATE card SET patient_id = %s WHERE patient_id = %s", other, NGOC)
    world.execute("UPDATE visit SET patient_id = %s WHERE patient_id = %s", other, NGOC)
    # Visits and cards of the other record are this patient's.
    assert "Hoàng Bảo Ngọc" in clerk.page("/desk")
    merge_id = re.findall(r"/patients/merges/([0-9a-f-]{36})/undo", merged.text)[0]
    parted = clerk.send(f"/patients/merges/{merge_id}/undo")
    assert "0903123456" not in parted.text
    again = text_of(clerk.send(f"/patients/merges/{merge_id}/undo", 422).text)
    assert "đã được hoàn tác" in again


def test_a_record_outside_ones_duty_is_opened_with_a_reason_that_is_reviewed(
    world: WORLD, clerk: Clerk, csrf_token: Callable[[httpx.Client], str], text_of: Callable[[str], str]
) -> None:
    world.execute("DELETE FROM tap")
    world.execute("DELETE FROM visit")
    world.execute(
        "UPDATE patient SET registered_at = now() - interval '90 days', changed_at = now() - interval '90 days'"
    )
    closed = clerk.page(f"/patients/{KHOI}", 403)
    assert "Vì sao bạn cần xem hồ sơ này?" in closed
    assert "Khôi" not in closed
    assert "Thiếu lý do." in text_of(clerk.send(f"/patients/{KHOI}/open", 403).text)
    opened = clerk.send(f"/patients/{KHOI}/open", reason="Gia đình hỏi qua điện thoại", own_words="bố cháu gọi")
    assert "Đức Minh Khôi" in opened.text
    assert "Đức Minh Khôi" in clerk.page(f"/patients/{KHOI}")
    # Whoever has papers in hand needs no reason; a pharmacist sees emergency data, and no name.
    ngoc = clerk.send("/patients/search", text="TE1 79 7912345678")
    assert "Bảo Ngọc" in ngoc.text
    assert "Bảo Ngọc" in clerk.page(f"/patients/{NGOC}")
    pharmacist = Clerk(world, csrf_token, "pharmacist")
    pharmacist.page(f"/patients/{KHOI}", 403)
    asked = pharmacist.send(f"/patients/{KHOI}/open", reason="Bác sĩ hoặc điều dưỡng yêu cầu")
    assert "Dữ liệu cấp cứu" in asked.text
    assert "Khôi" not in asked.text
    admin = Clerk(world, csrf_token, "admin")
    audit = admin.page("/admin/people?only=unreviewed")
    assert "bố cháu gọi" in audit
    assert "2 lượt xem ngoài nhiệm vụ" in text_of(audit)
    assert "Khôi" not in audit
    number = re.findall(r"/admin/people/([0-9]+)/review", audit)[0]
    left = admin.send(f"/admin/people/{number}/review", finding="justified")
    assert "1 lượt xem ngoài nhiệm vụ" in text_of(left.text)
    found = admin.send("/admin/people/find-pseudonym", number="26001214")
    assert str(KHOI) in str(found.url)
    table = admin.browser.get("/admin/people/audit.csv", params={"patient": str(KHOI)}).content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(table), delimiter=";"))
    assert rows[0][:3] == ["Số", "Thời gian", "Người thực hiện"] or len(rows[0]) == 9
    assert any("bố cháu gọi" in cell for row in rows for cell in row)
    assert {row["username"] for row in admin.api("GET", "/people-audit?only_break_glass=true")} >= {rows[1][2]}
    with world.pool.connection() as connection:
        seal_audit(connection, KEYS, world.clock())
    assert "còn nguyên như khi ghi" in admin.page("/admin/people")
    assert admin.api("GET", "/people-audit/state")["broken"] is None
    world.execute("SET session_replication_role = replica; DELETE FROM people_audit WHERE break_glass")
    assert "đã bị sửa, thêm hoặc xóa" in admin.page("/admin/people")


def test_emergency_data_is_written_on_the_page_and_read_by_the_api(world: WORLD, clerk: Clerk) -> None:
    assert "Chưa ai nhập gì." in clerk.page(f"/patients/{NGOC}/emergency")
    fields = {
        "blood_group": "O+",
        "allergies_0_text": "Penicillin", "allergies_0_system": "atc", "allergies_0_code": "J01CE01",
        "allergies_0_severity": "severe",
        "guardian_0_name": "Nguyễn Thị Lan", "guardian_0_relation": "Mẹ", "guardian_0_phone": "0903123456",
    }  # fmt: skip
    done = clerk.send(f"/patients/{NGOC}/emergency", **fields)
    assert 'value="Penicillin"' in done.text
    told = clerk.api("GET", f"/people/{NGOC}/emergency")
    assert (told["blood_group"], told["allergies"][0]["code"], told["guardian"]["phone"]) == (
        "O+",
        "J01CE01",
        "0903123456",
    )
    wrong = clerk.send(f"/patients/{NGOC}/emergency", 422, **{**fields, "guardian_0_phone": "?"})
    assert "Không lưu được dữ liệu cấp cứu như vậy." in wrong.text
    acts = world.rows("SELECT act FROM people_audit WHERE act = 'emergency' AND patient_ids = ARRAY[%s::uuid]", NGOC)
    assert len(acts) >= 3


def test_the_api_finds_registers_corrects_and_merges(clerk: Clerk) -> None:
    made = clerk.api(
        "POST", "/people", 201, {"full_name": "Lê An", "birth_date": "2019-07-05", "citizen_id": "079219001234"}
    )
    assert made["needs_guardian"]
    whose = clerk.api("POST", "/people/read-card", body={"text": "079219001234|||||"})
    assert whose["patient_id"] == made["patient_id"]
    address = f"/people/{made['patient_id']}"
    guardian = clerk.api("POST", f"{address}/guardians", 201, {"full_name": "Lê Bá", "relation": "father"})
    assert guardian[0]["children"] == [made["patient_id"]]
    assert clerk.api("GET", f"{address}/guardians") == guardian
    changed = {"full_name": "Lê Ân", "birth_date": "2019-07-05", "seen": made["changed_at"]}
    assert clerk.api("PUT", address, body=changed)["full_name"] == "Lê Ân"
    stale = {**changed, "seen": "2020-01-01T00:00:00Z"}
    assert clerk.api("PUT", address, 409, stale)["code"] == "person_changed"
    baby = clerk.api("POST", "/people/newborns", 201, {"mother_name": "Trần Hoa", "birth_date": "2026-11-20"})
    assert (baby["full_name"], baby["needs_guardian"]) == ("CON BÀ TRẦN HOA", False)
    assert [one["full_name"] for one in clerk.api("POST", "/people/search", body={"text": "le an"})] == ["Lê Ân"]
    assert clerk.api("GET", f"{address}/alike") == []
    pair = {"survivor_id": made["patient_id"], "merged_id": baby["patient_id"]}
    merge = clerk.api("POST", "/people/merges", 201, pair)
    assert clerk.api("POST", "/people/merges", 409, pair)["code"] == "merged_already"
    assert clerk.api("GET", f"/people/{baby['patient_id']}")["full_name"] == "Lê Ân"
    undone = clerk.api("POST", f"/people/merges/{merge['merge_id']}/undo")
    assert undone["undone_by"]
    assert len(clerk.api("GET", "/people/merges")) == 1
    assert clerk.api("DELETE", f"{address}/guardians/{guardian[0]['guardian_id']}") == []
    assert clerk.api("GET", f"/people/{uuid.uuid4()}", 404)["code"] == "unknown_patient"
    assert clerk.api("POST", f"{address}/open", body={"reason": "cấp cứu"})["full_name"] == "Lê Ân"
    emergency = {"blood_group": "A+", "conditions": [{"text": "Hen"}]}
    clerk.api("PUT", f"{address}/emergency", 204, emergency)
    assert clerk.api("POST", f"{address}/emergency/open", body={"reason": "cấp cứu"})["conditions"][0]["text"] == "Hen"
    clerk.api("PUT", f"{address}/emergency", 422, {"blood_group": "Z"})


PERSONAL: Final = (
    *("Hoàng Bảo Ngọc", "Bao Ngoc", "Thanh Trúc", "TE1797912345678", "7912345678", "079219009999", "0903123456"),
    *("26001207", "26000001", "Nguyễn Thị Lan", "Penicillin", "bố cháu gọi", "2023-03-14", "14/03/2023"),
)


def test_after_a_day_nothing_personal_stands_anywhere_in_the_database_or_the_log(
    world: WORLD, clerk: Clerk, csrf_token: Callable[[httpx.Client], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    patient_id = _id_in(
        clerk.send(
            "/patients/new", full_name="Đỗ Thị Thanh Trúc", birth_date="05/07/2019", citizen_id="079219009999"
        ).url
    )
    lan = {"full_name": "Nguyễn Thị Lan", "relation": "mother", "phone": "0903123456"}
    clerk.send(f"/patients/{patient_id}/guardians", **lan)
    clerk.send(f"/patients/{patient_id}/emergency", allergies_0_text="Penicillin")
    clerk.send(f"/patients/{NGOC}/open", reason="bố cháu gọi")
    for text in ("thanh truc", QR, "TE1797912345678", "0903123456"):
        clerk.send("/patients/search", text=text)
    clerk.send("/patients/new", 422, full_name="Hoàng Bảo Ngọc", birth_date="?")
    clerk.send("/patients/new", 422, full_name="Thanh Trúc", citizen_id="079219009999")
    clerk.send(f"/patients/{NGOC}/merge/{patient_id}", full_name="survivor")
    for path in ("/desk", f"/patients/{NGOC}", "/patients/duplicates", "/admin"):
        clerk.browser.get(path)
    pharmacist = Clerk(world, csrf_token, "pharmacist")
    pharmacist.api("POST", "/stock/dispensing-patient", body={"patient_number": "26001207"})
    pharmacist.api("POST", "/stock/dispensing-patient", 404, {"patient_number": "7912345678"})
    everything = _dump(world)
    assert len(everything) > 2000
    for text in PERSONAL:
        assert text not in everything, text
        assert text not in caplog.text, text
        assert text.encode().hex() not in everything, text


def _dump(world: WORLD) -> str:
    """Every row of every table and every column; a sealed value is hexadecimal digits in it."""
    tables = world.rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    found = []
    for (table,) in tables:
        if table != "login_account":  # the staff have names
            found += [row[0] for row in world.rows(f'SELECT t::text FROM "{table}" t')]  # noqa: S608 - names of our tables
    return "\n".join(found)


def test_a_page_of_fifty_patients_reads_them_at_once(world: WORLD, clerk: Clerk) -> None:
    with world.pool.connection() as connection:
        people = people_of()
        for number in range(50):
            people.register(
                connection, NewPatient(f"Phạm Văn {number}", date(2019, 1, 1) + timedelta(number)), SOMEBODY
            )
        before = connection.execute("SELECT count(*) FROM people_audit").fetchone()
    answer = clerk.api("POST", "/people/search", body={"text": "pham van", "limit": 50})
    assert len(answer) == 50
    after = world.rows("SELECT count(*) FROM people_audit")[0]
    assert before is not None
    assert after[0] == before[0] + 1, "one row for the whole page"
