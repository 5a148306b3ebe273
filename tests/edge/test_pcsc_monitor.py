"""What the monitor makes of reader states that no virtual reader can be brought to show on command."""

from dataclasses import dataclass, field

import pytest

from edge.drivers.driver import DeviceLostError
from edge.drivers.pcsc_monitor import Change, ReaderEvent, ReaderMonitor

PRESENT, EMPTY, CHANGED, MUTE = 0x20, 0x10, 0x02, 0x200
DESK, OTHER = "ACS ACR1252 00 00", "Broadcom 01 00"


@dataclass
class ScriptedScard:
    """The calls of `smartcard.scard` that a monitor makes, over readers and states that the test sets."""

    states: dict[str, int] = field(default_factory=dict)
    service: int = 0
    contexts: int = 0

    SCARD_SCOPE_USER = 0
    SCARD_S_SUCCESS = 0
    SCARD_STATE_UNAWARE = 0
    SCARD_STATE_CHANGED = CHANGED
    SCARD_STATE_PRESENT = PRESENT
    SCARD_STATE_MUTE = MUTE
    SCARD_E_TIMEOUT = -2146435062
    SCARD_E_CANCELLED = -2146435070
    SCARD_E_UNKNOWN_READER = -2146435063
    SCARD_E_READER_UNAVAILABLE = -2146435049
    SCARD_E_NO_READERS_AVAILABLE = -2146435026
    SCARD_E_NO_SERVICE = -2146435043
    SCARD_E_NO_ACCESS = -2146435033
    SCARD_W_SECURITY_VIOLATION = -2146434966

    def SCardEstablishContext(self, _scope: int) -> tuple[int, int]:  # noqa: N802 - the library's name
        self.contexts += self.service == 0
        return self.service, 1

    def SCardReleaseContext(self, _context: int) -> int:  # noqa: N802
        self.contexts -= 1
        return 0

    def SCardListReaders(self, _context: int, _groups: list[str]) -> tuple[int, list[str]]:  # noqa: N802
        if self.service:
            return self.service, []
        return (0, list(self.states)) if self.states else (self.SCARD_E_NO_READERS_AVAILABLE, [])

    def SCardGetStatusChange(  # noqa: N802
        self, _context: int, _timeout_ms: int, asked: list[tuple[str, int]]
    ) -> tuple[int, list[tuple[str, int, list[int]]]]:
        if self.service:
            return self.service, []
        now = [(reader, self.states.get(reader, before), before) for reader, before in asked]
        if all(state == before for _, state, before in now):
            return self.SCARD_E_TIMEOUT, []
        return 0, [(reader, state | (CHANGED if state != before else 0), []) for reader, state, before in now]

    def SCardGetErrorMessage(self, _result: int) -> str:  # noqa: N802
        return "Service not available."


def monitor_of(scard: ScriptedScard, wanted: str = "") -> ReaderMonitor:
    monitor = ReaderMonitor(scard, wanted)
    monitor.open()
    return monitor


def test_the_first_looks_tell_of_readers_and_then_of_the_cards_on_them() -> None:
    monitor = monitor_of(ScriptedScard({DESK: PRESENT | 1 << 16, OTHER: EMPTY}))
    assert monitor.look(0) == [ReaderEvent(Change.READER_CAME, DESK), ReaderEvent(Change.READER_CAME, OTHER)]
    assert monitor.look(0) == [ReaderEvent(Change.CARD_CAME, DESK)]
    assert monitor.look(0) == []


def test_only_wanted_readers_are_watched() -> None:
    monitor = monitor_of(ScriptedScard({DESK: PRESENT, OTHER: PRESENT}), "ACR1252")
    assert monitor.look(0) == [ReaderEvent(Change.READER_CAME, DESK)]
    assert monitor.look(0) == [ReaderEvent(Change.CARD_CAME, DESK)]
    assert monitor.readers == (DESK,)


@pytest.mark.parametrize(("before", "after"), [(3, 5), (0xFFFF, 1)])
def test_a_card_exchanged_between_two_looks_is_one_that_went_and_one_that_came(before: int, after: int) -> None:
    """The counter of insertions and removals tells, also where it runs over."""
    scard = ScriptedScard({DESK: PRESENT | before << 16})
    monitor = monitor_of(scard)
    monitor.look(0)
    monitor.look(0)
    scard.states[DESK] = PRESENT | after << 16
    assert monitor.look(0) == [ReaderEvent(Change.CARD_WENT, DESK), ReaderEvent(Change.CARD_CAME, DESK)]


def test_another_program_using_the_card_is_no_new_card() -> None:
    scard = ScriptedScard({DESK: PRESENT | 1 << 16})
    monitor = monitor_of(scard)
    monitor.look(0)
    monitor.look(0)
    scard.states[DESK] = PRESENT | 0x100 | 1 << 16
    assert monitor.look(0) == []


def test_a_card_the_wrong_way_round_is_told_apart() -> None:
    monitor = monitor_of(ScriptedScard({DESK: PRESENT | MUTE | 1 << 16}))
    monitor.look(0)
    assert monitor.look(0) == [ReaderEvent(Change.MUTE_CARD_CAME, DESK)]


def test_a_reader_unplugged_is_told_before_the_device_is_lost_and_found_again_with_its_card() -> None:
    scard = ScriptedScard({DESK: PRESENT | 1 << 16, OTHER: EMPTY})
    monitor = monitor_of(scard, "ACS")
    monitor.look(0)
    monitor.look(0)
    state = scard.states.pop(DESK)
    assert monitor.look(0) == [ReaderEvent(Change.READER_WENT, DESK)]
    with pytest.raises(DeviceLostError, match=r"'ACS' is connected \(readers: 'Broadcom 01 00'\)"):
        monitor.look(0)
    scard.states[DESK] = state
    assert monitor.look(0) == [ReaderEvent(Change.READER_CAME, DESK)]
    assert monitor.look(0) == [ReaderEvent(Change.CARD_CAME, DESK)]


def test_no_reader_at_all_is_a_loss_with_a_mend() -> None:
    with pytest.raises(DeviceLostError, match=r"readers: none\); plug it in"):
        monitor_of(ScriptedScard()).look(0)


def test_pcscd_going_away_is_a_loss_and_leaves_no_context_open() -> None:
    scard = ScriptedScard({DESK: EMPTY})
    monitor = monitor_of(scard)
    scard.service = ScriptedScard.SCARD_E_NO_SERVICE
    with pytest.raises(DeviceLostError, match="systemctl restart"):
        monitor.look(0)
    monitor.close()
    monitor.close()
    assert scard.contexts == 0
    with pytest.raises(DeviceLostError, match="0x8010001D"):
        monitor.open()


def test_a_user_whom_pcscd_refuses_is_told_of_polkit() -> None:
    scard = ScriptedScard({DESK: EMPTY}, service=ScriptedScard.SCARD_W_SECURITY_VIOLATION)
    with pytest.raises(DeviceLostError, match="polkit rule"):
        ReaderMonitor(scard, "").open()
