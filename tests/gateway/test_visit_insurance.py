"""The insurance is asked over real HTTP beside the check-ins; away or slow, the question waits and is asked again."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.insurance_service import InsuranceServer
from gateway.errors import ConfigError
from gateway.visits.config import InsuranceConfig
from gateway.visits.insurance import HttpInsurance, InsuranceAwayError, InsuranceQuestion, read_answer
from gateway.visits.insurance_codes import VERDICTS, verdict_of
from gateway.visits.insurance_desk import InsuranceDesk, ask_again
from tests.gateway.ingest_kit import NOW, Database
from tests.gateway.people_kit import people_of, register
from tests.gateway.visit_kit import ZONE, Desk

CHILD, GROWN = date(2024, 5, 1), date(2010, 5, 1)


@pytest.mark.integration
def test_each_visit_is_asked_about_once_and_what_could_not_be_asked_is_asked_again(database: Database) -> None:
    desk = Desk(database, NOW).furnish()
    with database.pool.connection() as connection:
        patients = [
            register(connection, "Lê Thị Na", CHILD, insurance_number="TE1797912345670"),
            register(connection, "Trần Văn Bé", CHILD),
            register(connection, "Phạm Thị Lớn", GROWN),
            register(connection, "Hồ Văn Cũ", GROWN, insurance_number="HS4797912345675"),
        ]
    visits = [desk.open(patient_id).visit_id for patient_id in patients]
    with InsuranceServer() as service:
        asking = InsuranceDesk(
            database.pool,
            people_of(lambda: desk.now),
            HttpInsurance(InsuranceConfig(url=service.url)),
            lambda: desk.now,
            ZONE,
        )
        service.portal.away = True
        assert asking.round() == 0
        assert service.portal.asked == 1, "one question shows that it is away; the others are not tried"
        assert database.column("SELECT DISTINCT state FROM insurance_check") == ["waiting"]
        assert database.column("SELECT last_error FROM insurance_check WHERE last_error <> ''") == ["status_503"]
        assert asking.round() == 0
        assert service.portal.asked == 1, "nothing is due yet"
        service.portal.away = False
        desk.later(10)
        assert asking.round() == 4
        found = dict(database.rows("SELECT visit_id, coalesce(result_code, last_error) FROM insurance_check"))
        assert [found[visit] for visit in visits] == ["000", "130", "no_number", "010"]
        assert asking.round() == 0
        _asked_again_by_a_clerk(desk, asking, service)
        asking.stop()
    assert "Lê Thị Na" not in str(database.rows("SELECT * FROM insurance_check"))


def _asked_again_by_a_clerk(desk: Desk, asking: InsuranceDesk, service: InsuranceServer) -> None:
    service.portal.forced_code = "500"
    visit_id = desk.database.value("SELECT visit_id FROM insurance_check WHERE result_code = '010'")
    with desk.database.pool.connection() as connection:
        first = ask_again(connection, visit_id, "lan", desk.later())
    assert asking.round() == 0
    assert desk.database.value("SELECT last_error FROM insurance_check WHERE check_id = %s", first) == "result_500"
    with desk.database.pool.connection() as connection:
        assert ask_again(connection, visit_id, "lan", desk.later()) == first, "it waits already"
    service.portal.forced_code = "000"
    assert asking.round() == 1
    assert desk.database.value("SELECT result_code FROM insurance_check WHERE check_id = %s", first) == "000"


def test_a_slow_service_and_one_that_is_not_there_are_away_after_the_time_that_was_set(tmp_path: Path) -> None:
    question = InsuranceQuestion("TE1797912345670", "Lê Thị Na", CHILD)
    assert "Na" not in repr(question)
    with InsuranceServer() as service:
        service.portal.delay_s = 30.0
        client = HttpInsurance(InsuranceConfig(url=service.url, timeout_s=0.2))
        with pytest.raises(InsuranceAwayError, match="timeout"):
            client.check(question)
        url = service.url
    with pytest.raises(InsuranceAwayError, match="unreachable"):
        client.check(question)
    client.close()
    with pytest.raises(ConfigError, match="token_file"):
        HttpInsurance(InsuranceConfig(url=url, token_file=tmp_path / "none"))


def test_a_childs_missing_card_is_a_case_of_its_own_and_an_unknown_code_is_compared_by_a_person() -> None:
    assert verdict_of("130") == "child"
    assert verdict_of("999") == "compare"
    assert len(VERDICTS) == 27
    good = read_answer(b'{"maKetQua": "000", "gtTheTu": "01/01/2026", "gtTheDen": "31/12/2026"}')
    assert (good.code, good.valid_until) == ("000", date(2026, 12, 31))


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(max_size=5), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_an_answer_is_a_code_of_three_digits_or_none(content: bytes) -> None:
    try:
        code = read_answer(content).code
    except InsuranceAwayError as error:
        code = error.code
    assert code == "unreadable" or re.fullmatch("[0-9]{3}", code)
