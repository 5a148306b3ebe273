"""A morning at the registration desk: everyone one visit, no copy accepted, also with the network down.

Real processes, pcscd, broker and database; cards are simulated chips that the shipped issuing code has made. The tests
share one hospital and play in the order they stand here. `--slow` plays it with 200 patients and ten minutes of outage.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from firmware_sim import pcscd
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.piv_card import PivCard
from tests.integration.conftest import running_hospital
from tests.integration.desk_morning_kit import Desk, Patient, desk_of, forged

pytestmark = [pytest.mark.integration, pytest.mark.pcsc_stack, pytest.mark.timeout(3000)]

LOST, COPIED = 4, 2


@pytest.fixture(scope="module")
def sizes(request: pytest.FixtureRequest) -> tuple[int, float]:
    """Patients of the morning and seconds without network."""
    return (200, 600.0) if request.config.getoption("--slow") else (30, 15.0)


@pytest.fixture(scope="module")
def desk(sizes: tuple[int, float]) -> Iterator[Desk]:
    """Opens."""
    if pcscd.missing():
        pytest.skip(pcscd.missing())
    with desk_of(running_hospital, sizes[0]) as opened:
        yield opened


def expect_visits(desk: Desk, count: int) -> None:
    desk.play.eventually("SELECT count(*) FROM visit", count)


def test_cards_of_both_kinds_check_their_patients_in_and_a_second_tap_is_the_same_visit(
    desk: Desk, sizes: tuple[int, float]
) -> None:
    first = desk.take(sizes[0] // 3)
    desk.tap(first)
    expect_visits(desk, len(first))
    assert {type(patient.chip) for patient in first} == {PivCard, Ntag424Card}
    again = first[:4]
    desk.tap(again)
    desk.play.eventually("SELECT count(*) FROM tap WHERE outcome = 'already_checked_in'", len(again))
    expect_visits(desk, len(first))
    page = desk.page()
    assert "Đã tiếp nhận" in page
    assert again[-1].full_name.split()[-1] in page or again[-2].full_name.split()[-1] in page


def test_a_card_reported_lost_is_refused_at_the_desk_and_its_patient_comes_in_by_the_number(desk: Desk) -> None:
    lost = desk.take(LOST)
    before = desk.visits()
    for patient in lost:
        desk.post("/cards/acts/report", {"card_id": patient.card_id, "what": "lost", "why": "mẹ báo mất"})
    desk.tap(lost)
    for patient in lost:
        desk.last_tap_of(patient.card_id, "lost_card")
        assert desk.walk_in(patient.patient_id, "patient_number")["is_new"]
    assert "Thẻ đã báo mất" in desk.page()
    expect_visits(desk, before + LOST)
    state = desk.own_screen(lambda told: told["newest"]["outcome"] == "lost", "a lost card")
    assert state["health"]["card_list_at"], "the edge node refused it by itself"


def test_a_lost_card_of_the_hospitals_first_list_is_refused_on_the_other_reader(desk: Desk) -> None:
    world = desk.play.hospital.world["patients"]
    index = next(number for number, patient in enumerate(world) if patient["card_state"] == "lost")
    before = desk.visits()
    desk.play.do("tap", patient=index)
    desk.last_tap_of(world[index]["card_id"], "lost_card")
    assert desk.walk_in(world[index]["patient_id"], "insurance_card")["is_new"]
    expect_visits(desk, before + 1)


def test_no_copy_gets_in_and_its_owner_does(desk: Desk) -> None:
    piv, tag = _one_of_each(desk)
    before = desk.visits()
    copy = forged(piv.chip, desk.rng)
    desk.hold(desk.slots[0], copy, done=_told(desk, piv.card_id, "not_genuine"))
    assert "Thẻ sao chép" in desk.page()
    desk.tap([piv])
    desk.last_tap_of(piv.card_id, "checked_in")
    replay = forged(tag.chip, desk.rng)
    desk.tap([tag])
    desk.last_tap_of(tag.card_id, "checked_in")
    desk.hold(desk.slots[1], replay, done=_told(desk, tag.card_id, "replayed"))
    expect_visits(desk, before + COPIED)
    for card_id, refused in ((piv.card_id, "not_genuine"), (tag.card_id, "replayed")):
        outcomes = {row[0] for row in desk.play.rows("SELECT outcome FROM tap WHERE card_id = %s", card_id)}
        assert outcomes == {"checked_in", refused}


def test_a_newborn_without_name_or_number_gets_a_visit(desk: Desk) -> None:
    before = desk.visits()
    child = desk.post("/people/newborns", {"mother_name": "Trần Thị Bình", "birth_date": desk.today.isoformat()})
    assert child["full_name"].upper().startswith("CON BÀ")
    assert desk.walk_in(child["patient_id"], "registered")["is_new"]
    expect_visits(desk, before + 1)


def test_without_network_cards_are_checked_at_the_desk_and_nothing_is_lost(
    desk: Desk, sizes: tuple[int, float]
) -> None:
    before, cut_at = desk.visits(), time.monotonic()
    desk.network.freeze()
    patients = desk.take(sizes[0] // 4)
    desk.tap(patients)
    state = desk.own_screen(
        lambda told: not told["health"]["gateway_reached"] and told["health"]["waiting_events"] >= len(patients),
        "that the server is away, and the taps that wait",
    )
    shown = [tap["outcome"] for tap in (state["newest"], *state["before"])]
    assert set(shown[: len(patients)]) == {"genuine"}
    named = next(patient for patient in patients if isinstance(patient.chip, PivCard))
    with desk.lying(desk.slots[0], named.chip):
        state = desk.own_screen(
            lambda told: (told["newest"]["holder"] or {}).get("full_name") == named.full_name, "whose card it is"
        )
    assert state["newest"]["holder"]["allergies"] == ["Penicillin"]
    assert desk.visits() == before
    while time.monotonic() < cut_at + sizes[1]:
        time.sleep(0.2)
    desk.network.thaw()
    expect_visits(desk, before + len(patients))
    desk.own_screen(lambda told: told["health"]["gateway_reached"], "that the server is there again")


def test_a_restart_of_pcscd_and_a_reader_unplugged_cost_no_visit(desk: Desk) -> None:
    before, rest = desk.visits(), desk.patients[desk.next_patient :]
    half = desk.take(len(rest) // 2)
    desk.tap(half)
    desk.pcscd.restart()
    desk.play.do("unplug", device="pn532-desk-1")
    others = desk.take(len(desk.patients) - desk.next_patient)
    desk.tap(others)
    desk.play.do("plug", device="pn532-desk-1")
    desk.play.eventually("SELECT state FROM device WHERE device_id = 'card-reader'", "up")
    desk.play.do("tap", patient=0)
    desk.last_tap_of(desk.play.hospital.world["patients"][0]["card_id"], "checked_in")
    expect_visits(desk, before + len(half) + len(others) + 1)


def test_at_noon_everyone_has_exactly_one_visit_and_numbers_have_no_hole(desk: Desk) -> None:
    assert desk.next_patient == len(desk.patients)
    found = desk.play.rows("SELECT patient_id::text, count(*) FROM visit GROUP BY 1")
    assert {count for _, count in found} == {1}
    here = {patient.patient_id for patient in desk.patients}
    assert here <= {patient_id for patient_id, _ in found}
    assert len(found) == len(desk.patients) + 3, "two with cards from before, and the newborn"
    numbers = [number for (number,) in desk.play.rows("SELECT queue_number FROM visit ORDER BY 1")]
    assert numbers == list(range(1, len(found) + 1))
    accepted = desk.play.rows("SELECT edge_verdict FROM tap WHERE outcome IN ('not_genuine', 'replayed') ")
    assert len(accepted) >= COPIED
    assert desk.play.value("SELECT count(*) FROM dead_letter") == 0


def _one_of_each(desk: Desk) -> tuple[Patient, Patient]:
    """The next two in line whose cards are of different kinds; who stood between them goes to the end."""
    waiting = desk.patients[desk.next_patient :]
    piv = next(patient for patient in waiting if isinstance(patient.chip, PivCard))
    tag = next(patient for patient in waiting if isinstance(patient.chip, Ntag424Card))
    others = [patient for patient in waiting if patient not in (piv, tag)]
    desk.patients[desk.next_patient :] = [piv, tag, *others]
    first, second = desk.take(2)
    return first, second


def _told(desk: Desk, card_id: str, outcome: str) -> Callable[[], Any]:
    return lambda: desk.play.value("SELECT count(*) FROM tap WHERE card_id = %s AND outcome = %s", card_id, outcome)
