"""Short messages by a modem on a serial line: what is written arrives whole, and what is wrong is said."""

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim import sms_pdu as network
from firmware_sim.sms_modem import SmsModem
from gateway.pager.at_modem import AtModem, ModemError
from gateway.pager.numbers import normal_number
from gateway.pager.sms_pdu import Incoming, PduError, StatusReport, decode, encode, segment_count
from tests.gateway.edge_client import eventually

NUMBER = "+84901234567"
TEXT = "#4711 Tủ vắc-xin 1, Kho chính: 9,4 °C (>8,0) từ 03:02. Kiểm tra cửa, nguồn điện. ACK 4711 <việc đã làm>"
SIGNS = st.one_of(st.sampled_from("aZ09 @£é^{}[]~|€Ăắờ\n"), st.characters(codec="utf-16-be", exclude_categories=["Cs"]))


class Came:
    """What came in."""

    def __init__(self) -> None:
        self.messages: list[Incoming] = []
        self.reports: list[StatusReport] = []

    def __call__(self, message: Incoming | StatusReport) -> None:
        """Keep it."""
        if isinstance(message, Incoming):
            self.messages.append(message)
        else:
            self.reports.append(message)


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[SmsModem]:
    """A modem on a pseudo-terminal; its SIM has a PIN."""
    modem = SmsModem(tmp_path / "modem", pin="1234")
    yield modem
    modem.close()


@pytest.fixture
def came() -> Came:
    """What the driver handed over."""
    return Came()


@pytest.fixture
def modem(sim: SmsModem, came: Came) -> Iterator[AtModem]:
    """The driver on it."""
    driver = AtModem(str(sim.path), pin="1234", listener=came)
    yield driver
    driver.close()


@given(st.text(SIGNS, max_size=300), st.integers(0, 255))
def test_every_text_is_read_by_the_network_as_it_was_written(text: str, reference: int) -> None:
    segments = encode(NUMBER, text, reference=reference, want_report=True)
    read = [network.read_submit(segment.pdu) for segment in segments]
    assert "".join(one.text for one in read) == text
    assert len(segments) == segment_count(text)
    assert {one.number for one in read} == {NUMBER}
    assert [one.wants_report for one in read] == [False] * (len(read) - 1) + [True]
    assert all(segment.tpdu_octets == len(segment.pdu) // 2 - 1 for segment in segments)
    assert [one.part for one in read] == list(range(1, len(read) + 1))


@given(st.text(SIGNS, max_size=200))
def test_every_text_somebody_writes_is_read(text: str) -> None:
    at = datetime(2026, 11, 22, 3, 2, 5, tzinfo=UTC)
    parts = [decode(pdu) for pdu in network.make_delivers(NUMBER, text, at, 7)]
    assert all(isinstance(part, Incoming) and (part.sender, part.sent_at) == (NUMBER, at) for part in parts)
    assert "".join(part.text for part in parts if isinstance(part, Incoming)) == text


@given(st.binary(max_size=60))
def test_garbage_is_refused_and_nothing_else_happens(octets: bytes) -> None:
    with contextlib.suppress(PduError):
        decode(octets.hex())


def test_facts_of_the_codec() -> None:
    # The example that every description of the 7-bit packing of 3GPP TS 23.038 has.
    assert encode("+46708251358", "hellohello", reference=0, want_report=False)[0].pdu.endswith("0AE8329BFD4697D9EC37")
    assert (segment_count("a" * 160), segment_count("a" * 161), segment_count("ắ" * 70), segment_count("ắ" * 71)) == (
        *(1, 2, 1, 2),
    )
    # A sender with a name, as operators have it, is no number that could acknowledge anything.
    named = decode(network.make_delivers("VIETTEL", "Khuyến mãi", datetime(2026, 1, 1, tzinfo=UTC), 1)[0])
    assert isinstance(named, Incoming)
    assert named.sender == "VIETTEL"
    for text in ("0901 234 567", "+84 90 123 4567", "0084901234567", "84901234567"):
        assert normal_number(text, "+84") == NUMBER
    assert normal_number("VIETTEL", "+84") is None


def test_a_page_arrives_whole_with_its_report_and_a_reply_comes_back(sim: SmsModem, modem: AtModem, came: Came) -> None:
    sim.receive(NUMBER, "sent while nobody listened")
    reference = modem.send(NUMBER, TEXT)
    assert sim.texts_to(NUMBER) == [TEXT]
    assert sim.sent[0].parts == 2
    eventually(lambda: bool(came.reports))
    assert came.reports == [StatusReport(reference, NUMBER, 0)]
    assert came.reports[0].is_delivered
    assert modem.fetch() == 1
    sim.receive(NUMBER, "ACK 4711 đã chuyển thuốc sang tủ 2")
    eventually(lambda: modem.has_news)
    assert modem.fetch() == 1
    assert modem.fetch() == 0
    assert [message.text for message in came.messages] == [
        "sent while nobody listened",
        "ACK 4711 đã chuyển thuốc sang tủ 2",
    ]
    state = modem.state()
    assert (state.registered, state.signal, state.words) == (True, 21, "registered, signal 21/31")
    assert "AT+CPIN=1234" in sim.commands


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"no_network": True}, r"AT\+CMGS: \+CMS ERROR: 331: no network"),
        ({"queue_full": True}, r"AT\+CMGS: \+CMS ERROR: 322: its memory is full"),
    ],
)
def test_a_modem_that_can_not_send_says_why_and_sends_when_it_can(
    sim: SmsModem, modem: AtModem, fault: dict[str, bool], says: str
) -> None:
    modem.state()
    sim.set_faults(**fault)
    with pytest.raises(ModemError, match=says):
        modem.send(NUMBER, TEXT)
    sim.set_faults()
    modem.send(NUMBER, TEXT)
    assert sim.texts_to(NUMBER) == [TEXT]


def test_a_modem_that_says_nothing_is_named(sim: SmsModem, modem: AtModem) -> None:
    sim.set_faults(mute=True)
    impatient = AtModem(str(sim.path), pin="1234", command_s=0.1)
    with pytest.raises(ModemError, match=r"modem .*: AT: no answer in"):
        impatient.send(NUMBER, TEXT)
    impatient.close()
    sim.set_faults()
    modem.send(NUMBER, TEXT)
    assert sim.texts_to(NUMBER) == [TEXT]


def test_noise_and_slowness_change_nothing(sim: SmsModem, modem: AtModem) -> None:
    sim.set_faults(garbage=True, slow_s=0.01)
    modem.send(NUMBER, TEXT)
    assert sim.texts_to(NUMBER) == [TEXT]


def test_an_unplugged_modem_is_named_and_used_again_when_it_is_back(sim: SmsModem, modem: AtModem) -> None:
    modem.send(NUMBER, "1")
    sim.unplug()
    with pytest.raises(ModemError, match=r"line was lost|can't be opened"):
        modem.send(NUMBER, "2")
    with pytest.raises(ModemError, match=r"can't be opened: .*is it plugged in"):
        modem.send(NUMBER, "2")
    sim.plug()
    modem.send(NUMBER, "3")
    assert sim.texts_to(NUMBER) == ["1", "3"]


def test_a_wrong_pin_is_given_once_and_never_again(sim: SmsModem) -> None:
    modem = AtModem(str(sim.path), pin="9999")
    for says in (r"AT\+CPIN: \+CME ERROR: 16: refused", "the SIM asks for its PIN"):
        with pytest.raises(ModemError, match=says):
            modem.send(NUMBER, TEXT)
    assert sim.wrong_pins == 1
    modem.close()


def test_a_message_that_could_not_be_stored_stays_in_the_modem(sim: SmsModem) -> None:
    failing = threading.Event()
    failing.set()
    kept: list[str] = []

    def store(message: Incoming | StatusReport) -> None:
        if failing.is_set():
            raise ConnectionError("the database is away")
        assert isinstance(message, Incoming)
        kept.append(message.text)

    modem = AtModem(str(sim.path), pin="1234", listener=store)
    sim.receive(NUMBER, "ACK 4711 xong")
    with pytest.raises(ConnectionError):
        modem.fetch()
    failing.clear()
    assert modem.fetch() == 1
    assert kept == ["ACK 4711 xong"]
    modem.close()
