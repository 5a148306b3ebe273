"""A registration desk of the tap benchmark's own: both readers, cards of both profiles in this process's hand.

An edge agent (a process of its own) reads a PN532 and a PC/SC reader; the simulated silicon behind both is here, so
that the instant at which a card comes, and that of its first command, are on this process's clock.
"""

import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from cards.issuing.key_file import IssuingKeys, read_key_file
from cards.issuing.piv_personalisation import PivIssuer, PivRequest, personalise_piv
from cards.ntag424.personalisation import personalise
from firmware_sim.apdu_server import ApduCard
from firmware_sim.field import Field
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.pcscd import Pcscd, missing
from firmware_sim.piv_card import PivCard
from firmware_sim.pn532 import Pn532
from firmware_sim.type4 import IsoDepTag
from firmware_sim.vpcd import VpcdSlot
from medtap.bench.ingest_load import LoadSpec, write_spec
from medtap.demo.card_keys import TAG_ADDRESS
from medtap.demo.hospital import SimulatedHospital
from medtap.demo.site_plan import SITE
from medtap.demo.toml_text import toml_text
from medtap.services.errors import ServiceError
from medtap.services.processes import ChildProcess

CARDS_EACH: Final = 5
"""Cards of each profile: a desk sees another card each time."""
_NODE: Final = "bench-desk"
_READY_S: Final = 60.0
_FLEET_DEVICES: Final = 10
_FLEET_FRAMES: Final = 400
_WINDOW: Final = 8


class TimedCard:
    """A card that notes its first command after `lay`."""

    def __init__(self, card: ApduCard) -> None:
        """`card`: the real thing behind it."""
        self._card = card
        self.atr = card.atr
        self.uid = card.uid
        self.latency_s = 0.0
        self.card_id = ""
        self.first_command_s = 0.0

    def lay(self) -> None:
        """About to be laid on a reader."""
        self.first_command_s = 0.0

    def reset(self) -> None:
        """As `ApduCard`."""
        self._card.reset()

    def apdu(self, command: bytes) -> bytes | None:
        """As `ApduCard`."""
        self.first_command_s = self.first_command_s or time.monotonic()
        return self._card.apdu(command)

    def transmit(self, command: bytes) -> bytes:
        """As a connection, for its issuing."""
        return self._card.apdu(command) or b""


@dataclass
class BenchDesk:
    """The readers, and cards by profile."""

    field: Field
    slot: VpcdSlot | None
    """None: no pcscd here."""
    cards: dict[str, list[TimedCard]]

    def put(self, transport: str, card: TimedCard) -> float:
        """Lay it on; when it came (monotonic seconds)."""
        card.lay()
        if transport == "nfc":
            self.field.put(IsoDepTag(card))
        elif self.slot is not None:
            self.slot.insert(card)
        return time.monotonic()

    def take(self, transport: str) -> None:
        """Take it away."""
        if transport == "nfc":
            self.field.take()
        elif self.slot is not None:
            self.slot.remove()

    @property
    def transports(self) -> tuple[str, ...]:
        """What there is here."""
        return ("nfc",) if self.slot is None else ("nfc", "pcsc")


@contextmanager
def bench_desk(hospital: SimulatedHospital, directory: Path) -> Iterator[BenchDesk]:
    """The desk, at work.

    Raises:
        ServiceError: its agent did not come up.
    """
    cards = {"piv": _piv_cards(hospital), "ntag424": _tags(hospital)}
    _hand_over(hospital, cards)
    with ExitStack() as parts:
        field = Field()
        reader = parts.enter_context(Pn532(field, directory / "bench-pn532"))
        devices: list[dict[str, object]] = [
            {"device_id": "nfc", "driver": "nfc_pn532", "path": str(reader.path), "poll_interval_s": 0.02}
        ]
        slot = None
        if not missing():
            daemon = parts.enter_context(Pcscd())
            slot = VpcdSlot(daemon.ports[0])
            parts.callback(slot.remove)
            devices.append({"device_id": "pcsc", "driver": "pcsc", "pcscd_socket": str(daemon.socket_path)})
        config = directory / f"{_NODE}.toml"
        config.write_text(toml_text(_config(hospital, directory, devices)))
        argv = [sys.executable, "-m", "medtap", "edge", "run", str(config), "--log-level", "warning"]
        agent = ChildProcess(argv, log_file=directory / f"{_NODE}.log")
        agent.start()
        parts.callback(agent.stop)
        _await_devices(hospital, directory, len(devices))
        yield BenchDesk(field, slot, cards)


@contextmanager
def fleet_load(hospital: SimulatedHospital, directory: Path, nodes: int) -> Iterator[None]:
    """`nodes` edge nodes with ten thermometers each, a reading a second each, as long as this lasts (or 400 s)."""
    if not nodes:
        yield
        return
    host, port = hospital.broker_address
    spec = directory / "fleet.json"
    write_spec(
        LoadSpec(
            host=host,
            port=port,
            site=SITE,
            nodes=nodes,
            devices_per_node=_FLEET_DEVICES,
            readings_per_node=_FLEET_DEVICES * _FLEET_FRAMES,
            rows_per_frame=_FLEET_DEVICES,
            window_frames=_WINDOW,
            began_at=datetime.now(UTC).isoformat(),
            rate_per_s=float(nodes * _FLEET_DEVICES),
        ),
        spec,
    )
    load = ChildProcess([sys.executable, "-m", "medtap.bench.ingest_load", str(spec)], log_file=directory / "fleet.log")
    load.start()
    try:
        _await(hospital.dsn, "SELECT count(*) > 0 FROM edge_node WHERE edge_node LIKE 'node-%'", "the fleet")
        yield
    finally:
        load.stop()


def _config(hospital: SimulatedHospital, directory: Path, devices: list[dict[str, object]]) -> dict[str, Any]:
    keys = hospital.card_keys
    host, port = hospital.broker_address
    return {
        "node": {"site": SITE, "edge_node": _NODE, "state_dir": str(directory / _NODE)},
        "broker": {"host": host, "port": port},
        "cards": {"trust_anchor_files": [str(keys.anchor)], "desk_keys_file": str(keys.desk_keys)},
        "device": devices,
    }


def _keys(hospital: SimulatedHospital) -> IssuingKeys:
    files = hospital.card_keys
    return read_key_file(files.key_file, files.passphrase_file.read_text().splitlines()[0])


def _piv_cards(hospital: SimulatedHospital) -> list[TimedCard]:
    keys, now = _keys(hospital), datetime.now(UTC).replace(microsecond=0)
    issuer = PivIssuer(keys, keys.piv_masters, keys.tag_masters.current)
    made = []
    for number in range(CARDS_EACH):
        card = TimedCard(PivCard.blank(bytes((4, 9, 9, 9, 9, 1, number)), random.Random(number)))  # noqa: S311 - a simulated chip
        guid = personalise_piv(card, issuer, PivRequest(now, now + timedelta(days=1), "271828"), now).guid
        card.card_id = guid.hex()
        made.append(card)
    return made


def _tags(hospital: SimulatedHospital) -> list[TimedCard]:
    masters, made = _keys(hospital).tag_masters, []
    for number in range(CARDS_EACH):
        uid = bytes((4, 9, 9, 9, 9, 2, number))
        card = TimedCard(Ntag424Card(uid, random.Random(number)))  # noqa: S311 - a simulated chip
        personalise(card, masters, TAG_ADDRESS)
        card.card_id = uid.hex()
        made.append(card)
    return made


def _hand_over(hospital: SimulatedHospital, cards: dict[str, list[TimedCard]]) -> None:
    """To patients of the simulated hospital."""
    patients = [patient["patient_id"] for patient in hospital.world["patients"]]
    with psycopg.connect(hospital.dsn) as connection:
        for profile, made in cards.items():
            for number, card in enumerate(made):
                connection.execute(
                    "INSERT INTO card (card_id, patient_id, profile) VALUES (%s, %s, %s)",
                    (card.card_id, patients[number % len(patients)], profile),
                )


def _await_devices(hospital: SimulatedHospital, directory: Path, count: int) -> None:
    query = f"SELECT count(*) = {count} FROM device WHERE edge_node = '{_NODE}' AND state = 'up'"  # noqa: S608 - constants
    _await(hospital.dsn, query, f"the benchmark's desk (see {directory / f'{_NODE}.log'})")
    with psycopg.connect(hospital.dsn) as connection:
        connection.execute("UPDATE device SET place_id = 'desk-a' WHERE edge_node = %s", (_NODE,))


def _await(dsn: str, query: str, what: str) -> None:
    deadline = time.monotonic() + _READY_S
    with psycopg.connect(dsn, autocommit=True) as connection:
        while connection.execute(query.encode()).fetchone() != (True,):
            if time.monotonic() > deadline:
                raise ServiceError(f"{what} did not come up within {_READY_S:.0f} s")
            time.sleep(0.05)
