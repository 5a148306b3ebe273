"""What the reader side spends on one card, per profile and transport: its arithmetic, and the whole exchange.

The cards are simulated: `pcsc` is pyscard, pcscd and its virtual reader, `nfc` is nfcpy and a PN532 on a serial line
(whose speed is simulated), `none` is no reader at all. Radio has its own time, which no simulation has: some 10 ms for
each short command at 106 kbit/s.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from cards.connection import CardConnection
from cards.errors import CardGoneError
from cards.issuing.key_file import IssuingKeys
from cards.issuing.piv_personalisation import PivIssuer, PivRequest, personalise_piv
from cards.ntag424.address import judge_address
from cards.ntag424.counters import RememberedCounters
from cards.ntag424.keys import KeyMasters
from cards.ntag424.ndef_address import read_address
from cards.ntag424.personalisation import personalise
from cards.reading import read_card
from cards.verification import judge
from edge.drivers.driver import DeviceMisconfiguredError
from edge.drivers.nfc_connection import NfcConnection
from edge.drivers.nfc_pn532_reader import open_pn532
from edge.drivers.pcsc_connection import PcscConnection
from edge.drivers.pcsc_library import load_scard
from firmware_sim.apdu_server import ApduCard
from firmware_sim.field import Field
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.pcscd import Pcscd, missing
from firmware_sim.piv_card import PivCard
from firmware_sim.pn532 import Pn532
from firmware_sim.type4 import IsoDepTag
from firmware_sim.vpcd import VpcdSlot
from medtap.bench.percentiles import summary_ms
from medtap.services.errors import ServiceError

_SAMPLES: Final = 200
_WARM_UP: Final = 5
_BASE: Final = "https://bench.example/t"
_UID: Final = bytes.fromhex("04A1B2C3D4E580")
_CHALLENGE: Final = bytes(range(32))
_NOTICE_S: Final = 20.0
"""pcscd looks for cards every 0.4 s."""


@dataclass(frozen=True)
class _Profile:
    """An issued card, and what a reader does with it."""

    card: ApduCard
    verify: Callable[[], bool]
    exchange: Callable[[CardConnection], bool]


class _NoReader:
    """The card in this process."""

    def __init__(self, card: ApduCard) -> None:
        self._card = card

    def transmit(self, command: bytes) -> bytes:
        """One command."""
        return self._card.apdu(command) or b""


def measure_verification(samples: int = _SAMPLES, *, pcsc: bool = True, nfc: bool = True) -> Mapping[str, Any]:
    """Per profile, in milliseconds: `verify_` (arithmetic alone) and `none_`, `pcsc_`, `nfc_` (the whole exchange).

    `pcsc_` is left out where pcscd, its virtual reader or pyscard is not installed, or with `pcsc=False`; so is `nfc_`
    where nfcpy is not.

    Raises:
        ServiceError: a genuine card was refused, or a reader did not come up.
    """
    profiles = {"piv": _piv(), "ntag424": _ntag424()}
    figures = {name: timed("verify", profile.verify, samples) for name, profile in profiles.items()}
    with _pcsc_readers(list(profiles.values()) if pcsc else []) as readers:
        for number, (name, profile) in enumerate(profiles.items()):
            figures[name] |= _exchanges("none", profile, _NoReader(profile.card), samples)
            if readers:
                with readers[number] as connection:
                    figures[name] |= _exchanges("pcsc", profile, connection, samples)
    # The same cards, once they lie on no other reader.
    for name, profile in profiles.items() if nfc else ():
        with _nfc_reader(profile.card) as near:
            if near is not None:
                figures[name] |= _exchanges("nfc", profile, near, samples)
    return figures


def _exchanges(transport: str, profile: _Profile, connection: CardConnection, samples: int) -> dict[str, float]:
    return timed(transport, lambda: profile.exchange(connection), samples)


def _piv() -> _Profile:
    now = datetime.now(UTC).replace(microsecond=0)
    keys = IssuingKeys.create("bench", valid_from=now - timedelta(days=1), valid_until=now + timedelta(days=30))
    issuer = PivIssuer(keys, keys.piv_masters, 1)
    card = PivCard.blank(_UID, random.Random(1))  # noqa: S311 - a simulated chip
    personalise_piv(_NoReader(card), issuer, PivRequest(now, now + timedelta(days=1), "123456"), now)
    found = read_card(_NoReader(card), issuer.anchors, _CHALLENGE, now)
    shown = found.evidence
    if shown is None:
        raise ServiceError(f"the simulated card is not genuine: {found.reason}")

    def verify() -> bool:
        judged = judge(shown.certificate_der, shown.challenge, shown.signature, found.card_id, issuer.anchors, now)
        return judged.verdict == "genuine"

    def exchange(connection: CardConnection) -> bool:
        return read_card(connection, issuer.anchors, _CHALLENGE, now).verdict == "genuine"

    return _Profile(card, verify, exchange)


def _ntag424() -> _Profile:
    masters = KeyMasters({1: bytes(range(16))}, current=1)
    card = Ntag424Card(_UID, random.Random(1))  # noqa: S311 - a simulated chip
    personalise(_NoReader(card), masters, _BASE)
    url, counters = read_address(_NoReader(card)), RememberedCounters()

    def verify() -> bool:
        return judge_address(url, masters).sun.valid

    def exchange(connection: CardConnection) -> bool:
        return judge_address(read_address(connection), masters, counters).sun.valid

    return _Profile(card, verify, exchange)


@contextmanager
def _pcsc_readers(profiles: list[_Profile]) -> Iterator[list[PcscConnection]]:
    """A reader for each card, with one daemon for all: the client library looks for it once a process."""
    if missing() or not profiles:
        yield []
        return
    with Pcscd() as daemon, ExitStack() as laid:
        try:
            scard = load_scard(str(daemon.socket_path))
        except DeviceMisconfiguredError:
            yield []
            return
        readers = []
        for number, profile in enumerate(profiles):
            slot = VpcdSlot(daemon.ports[0] + number)
            laid.callback(slot.remove)
            slot.insert(profile.card)
            readers.append(PcscConnection(scard, f"{daemon.reader_names[0]} 00 {number:02d}"))
        for reader in readers:
            _wait_for_card(reader)
        yield readers


@contextmanager
def _nfc_reader(card: ApduCard) -> Iterator[NfcConnection | None]:
    """The card in the field of a PN532; None where nfcpy is not installed."""
    field = Field()
    with TemporaryDirectory(prefix="medtap-bench-") as directory, Pn532(field, Path(directory) / "pn532") as chip:
        field.put(IsoDepTag(card))
        try:
            reader = open_pn532(chip.path)
        except DeviceMisconfiguredError:
            yield None
            return
        try:
            until = time.monotonic() + _NOTICE_S
            while (target := reader.sense()) is None:
                if time.monotonic() > until:
                    raise ServiceError(f"the PN532 did not notice a card within {_NOTICE_S} s")
            yield NfcConnection(reader.activate(target))
        finally:
            reader.close()


def _wait_for_card(reader: PcscConnection) -> None:
    until = time.monotonic() + _NOTICE_S
    while True:
        try:
            with reader:
                return
        except CardGoneError:
            if time.monotonic() > until:
                raise ServiceError(f"pcscd did not notice a card within {_NOTICE_S} s") from None
        time.sleep(0.05)


def timed(name: str, work: Callable[[], bool], samples: int) -> dict[str, float]:
    """Percentiles of `samples` runs of `work`, in milliseconds, after some to warm up.

    Raises:
        ServiceError: `work` said no.
    """
    times: list[float] = []
    for number in range(samples + _WARM_UP):
        begun = time.perf_counter()
        good = work()
        if number >= _WARM_UP:
            times.append(time.perf_counter() - begun)
        if not good:
            raise ServiceError(f"{name}: a genuine card was refused, and these figures would say nothing")
    return summary_ms(name, times)
