"""A morning at the registration desk: patients with cards of both kinds, two readers, a network that can be cut."""

import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
from cryptography.hazmat.primitives.asymmetric import ec

from cards.emergency.record import CodedEntry, EmergencyRecord
from cards.emergency.sealing import seal_record
from cards.issuing.key_file import IssuingKeys, read_key_file
from cards.issuing.piv_personalisation import PivIssuer, PivRequest, personalise_piv
from cards.ntag424.personalisation import personalise as personalise_tag
from firmware_sim.loop_thread import LoopThread
from firmware_sim.ndef_application import NdefApplication
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.ntag424_faults import replaying_tag
from firmware_sim.pcscd import Pcscd
from firmware_sim.piv_card import PivCard
from firmware_sim.vietnamese_names import draw_name
from firmware_sim.vpcd import VpcdSlot
from gateway.services.site_file import import_site, parse_site
from medtap.chaos.fault_proxy import FaultProxy
from medtap.demo.card_keys import TAG_ADDRESS
from medtap.demo.site_plan import DESK, SITE
from tests.cards.simulated_reader import SimulatedReader

if TYPE_CHECKING:
    from tests.integration.conftest import Play

Chip = PivCard | Ntag424Card
TAP_S = 60.0
"""How long a person would wait for a beep here before the test gives up: a busy machine is no fault."""
READER = "Simulated Contactless Reader"


@dataclass
class Patient:
    """Somebody of this morning."""

    patient_id: str
    full_name: str
    number: str
    chip: Chip
    card_id: str


@dataclass
class Desk:
    """The registration desk, and what its people have in their hands."""

    play: "Play"
    clerk: httpx.Client
    pcscd: Pcscd
    slots: tuple[VpcdSlot, VpcdSlot]
    network: FaultProxy
    rng: random.Random
    keys: IssuingKeys
    patients: list[Patient] = field(default_factory=list)
    """Those whose cards are tapped on the PC/SC reader."""
    next_patient: int = 0

    @property
    def today(self) -> date:
        """As the hospital counts days."""
        return datetime.now(UTC).astimezone().date()

    def take(self, count: int) -> list[Patient]:
        """The next in line."""
        taken = self.patients[self.next_patient : self.next_patient + count]
        assert len(taken) == count, "the morning has not so many patients"
        self.next_patient += count
        return taken

    def post(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """What the clerk's page does."""
        answer = self.clerk.post(f"/api/v1{path}", json=body)
        assert answer.status_code in (200, 201, 202), (path, answer.status_code, answer.text)
        return answer.json()

    def walk_in(self, patient_id: str, identified_by: str) -> Any:  # noqa: ANN401 - JSON
        """Somebody without a good card."""
        body = {"event_id": str(uuid.uuid4()), "patient_id": patient_id, "identified_by": identified_by}
        return self.post("/visits", {**body, "place_id": "desk-a"})

    def tap(self, patients: Sequence[Patient]) -> None:
        """Each card once, on either slot, held until it beeps."""
        halves = [list(patients[0::2]), list(patients[1::2])]
        failures: list[BaseException] = []

        def hand(slot: VpcdSlot, half: list[Patient]) -> None:
            try:
                for patient in half:
                    self.hold(slot, patient.chip, self.beep(patient))
            except BaseException as error:  # noqa: BLE001 - told in the test's own thread
                failures.append(error)

        hands = [threading.Thread(target=hand, args=pair) for pair in zip(self.slots, halves, strict=True)]
        for one in hands:
            one.start()
        for one in hands:
            one.join()
        if failures:
            raise failures[0]

    def beep(self, patient: Patient) -> Callable[[], bool]:
        """Whether the desk's own screen shows a tap of this card, since now: what a person waits for."""
        since, end = datetime.now(UTC), patient.card_id[-8:]

        def heard() -> bool:
            state = httpx.get(f"{self.play.hospital.desk_screen_url}state.json?after=0", timeout=30).json()
            shown = [tap for tap in (state["newest"], *state["before"]) if tap]
            return any(tap["card_end"] == end and datetime.fromisoformat(tap["occurred_at"]) > since for tap in shown)

        return heard

    def hold(self, slot: VpcdSlot, chip: Chip | NdefApplication, done: Callable[[], bool]) -> None:
        """Lay it on the reader until it was read; again if the first time it was not, as a person does."""
        for _ in range(3):
            slot.insert(chip)
            deadline = time.monotonic() + TAP_S / 3
            while not done() and time.monotonic() < deadline:
                time.sleep(0.05)
            slot.remove()
            if done():
                return
        raise AssertionError("a card was held on the reader for a minute and not read")

    @contextmanager
    def lying(self, slot: VpcdSlot, chip: Chip) -> Iterator[None]:
        """It stays on the reader meanwhile."""
        slot.insert(chip)
        try:
            yield
        finally:
            slot.remove()

    def visits(self) -> int:
        """Of today."""
        return int(self.play.value("SELECT count(*) FROM visit"))

    def last_tap_of(self, card_id: str, outcome: str) -> None:
        """Wait until the newest tap of a card has come to this."""
        self.play.eventually(
            "SELECT outcome FROM tap WHERE card_id = %s ORDER BY occurred_at DESC, seq DESC LIMIT 1", outcome, card_id
        )

    def own_screen(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """The edge node's screen, once it shows what is wanted."""
        deadline, state = time.monotonic() + TAP_S, dict[str, Any]()
        while time.monotonic() < deadline:
            state = dict(httpx.get(f"{self.play.hospital.desk_screen_url}state.json?after=0", timeout=30).json())
            if wanted(state):
                return state
            time.sleep(0.05)
        raise AssertionError(f"the desk's own screen does not show {what}: {json.dumps(state, ensure_ascii=False)}")

    def page(self) -> str:
        """The clerk's page in Vietnamese."""
        return self.clerk.get("/desk", headers={"accept-language": "vi"}).raise_for_status().text


def forged(chip: Chip, rng: random.Random) -> Chip | NdefApplication:
    """What a forger makes of a card that he had in his hands for a moment."""
    if isinstance(chip, Ntag424Card):
        return replaying_tag(chip)
    copy = PivCard.blank(chip.uid, random.Random(rng.getrandbits(64)))  # noqa: S311
    for tag, held in chip.objects.items():
        copy.store(tag, held.value, held.access)
    copy.hold_key(0x9E, ec.generate_private_key(ec.SECP256R1()))
    return copy


def _issued(desk: Desk, name: str, *, tag: bool) -> tuple[Chip, str]:
    """A card as the issuing desk makes it, and its id."""
    uid = b"\x04" + desk.rng.randbytes(6)
    chip_rng = random.Random(desk.rng.getrandbits(64))  # noqa: S311
    if tag:
        card = Ntag424Card(uid, chip_rng)
        personalise_tag(SimulatedReader(card), desk.keys.tag_masters, TAG_ADDRESS)
        card.reset()
        return card, uid.hex()
    now = datetime.now(UTC).replace(microsecond=0)

    def record(guid: bytes) -> bytes:
        allergies = (CodedEntry("Penicillin", severity="severe"),)
        told = EmergencyRecord(guid.hex(), now, name, date(2020, 2, 29), allergies=allergies)
        return seal_record(told, desk.keys, desk.keys.terminal_public_keys())

    piv = PivCard.blank(uid, chip_rng)
    issuer = PivIssuer(desk.keys, desk.keys.piv_masters, 1)
    request = PivRequest(now - timedelta(minutes=5), now + timedelta(days=700), "271828", record)
    done = personalise_piv(SimulatedReader(piv), issuer, request, now)
    piv.reset()
    return piv, done.guid.hex()


def _register(desk: Desk, count: int) -> None:
    """Register patients at the desk's page and give each a card, two of three PIV."""
    cards = []
    for number in range(count):
        sex = desk.rng.choice(("female", "male"))
        name = draw_name(desk.rng, sex)
        born = desk.today - timedelta(days=desk.rng.randrange(30, 15 * 365))
        told = desk.post("/people", {"full_name": name, "birth_date": born.isoformat(), "sex": sex})
        chip, card_id = _issued(desk, name, tag=number % 3 == 2)
        cards.append({"card_id": card_id, "patient_id": told["patient_id"]})
        desk.patients.append(Patient(told["patient_id"], name, told["patient_number"], chip, card_id))
    reader = {"site": SITE, "edge_node": DESK, "device_id": "pcsc-reader", "place_id": "desk-a"}
    with psycopg.connect(desk.play.hospital.dsn) as connection:
        import_site(connection, parse_site({"cards": cards, "devices": [{**reader, "scan_action": "lookup"}]}))


@contextmanager
def desk_of(start: Callable[..., Any], patients: int, seed: int = 11) -> Iterator[Desk]:
    """Open the desk: `start` brings up a hospital (as `running_hospital` of conftest)."""
    loop = LoopThread("desk-network")
    with Pcscd([READER]) as pcscd:
        device = {
            "device_id": "pcsc-reader",
            "driver": "pcsc",
            "reader": READER,
            "pcscd_socket": str(pcscd.socket_path),
        }
        proxies: list[FaultProxy] = []

        def through(host: str, port: int) -> tuple[str, int]:
            proxies.append(FaultProxy(loop, host, port))
            return proxies[0].host, proxies[0].port

        slots = (VpcdSlot(pcscd.ports[0]), VpcdSlot(pcscd.ports[0] + 1))
        try:
            with start(desk_devices=(device,), desk_network=through) as play, play.signed_in("clerk") as clerk:
                keys = play.hospital.card_keys
                issuing = read_key_file(keys.key_file, keys.passphrase_file.read_text().strip())
                rng = random.Random(seed)  # noqa: S311 - a seeded morning
                desk = Desk(play, clerk, pcscd, slots, proxies[0], rng, issuing)
                _register(desk, patients)
                yield desk
        finally:
            for slot in slots:
                slot.remove()
            for proxy in proxies:
                proxy.close()
            loop.stop()
