"""Blank chips of the issuing desk: laid on its reader, tapped at the registration desk, copied by a forger."""

import tempfile
from pathlib import Path

import pytest

from firmware_sim.chips import Chips, was_read
from firmware_sim.clock import ManualClock
from firmware_sim.control import CommandError
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.piv_card import PivCard
from firmware_sim.world import World

_GET_CHUID = bytes.fromhex("00cb3fff055c035fc10200")
_SELECT_PIV = bytes.fromhex("00a404000ba000000308000010000100")


def test_a_new_chip_is_blank_and_of_its_profile() -> None:
    chips = Chips(1)
    piv, tag = chips.chip(chips.new("piv")), chips.chip(chips.new("ntag424"))
    assert isinstance(piv, PivCard)
    assert isinstance(tag, Ntag424Card)
    assert piv.apdu(_SELECT_PIV)[-2:-1] == b"\x61"
    assert piv.apdu(_GET_CHUID)[-2:] == b"\x6a\x82"
    assert tag.keys == [bytes(16)] * 5
    assert (piv.uid[:1], tag.uid[:1], len(tag.uid)) == (b"\x08", b"\x04", 7)


def test_a_copy_has_all_public_data_and_another_key() -> None:
    chips = Chips(2)
    number = chips.new("piv")
    chip = chips.chip(number)
    assert isinstance(chip, PivCard)
    chip.store(bytes.fromhex("5fc102"), b"public")
    copy = chips.forged(number)
    assert isinstance(copy, PivCard)
    assert (copy.uid, copy.objects[bytes.fromhex("5fc102")].value) == (chip.uid, b"public")
    proved = was_read(copy)
    assert not proved()


def test_what_is_no_chip_is_told_with_what_was_expected() -> None:
    with tempfile.TemporaryDirectory(prefix="wld-") as name:
        world = World(Path(name), seed=3, clock=ManualClock(), physics_speed=1.0)
        try:
            laid = world.do({"do": "station_put", "profile": "ntag424"})
            assert laid["chip"] == 0
            assert world.do({"do": "station_put", "chip": 0})["uid"] == laid["uid"]
            assert world.do({"do": "station_take"}) == {"was_there": True}
            assert world.do({"do": "station_take"}) == {"was_there": False}
            wrongs: tuple[dict[str, object], ...] = (
                {"do": "station_put"},
                {"do": "station_put", "profile": "mifare"},
                {"do": "tap_chip", "chip": 1},
                {"do": "tap_chip", "chip": True},
                {"do": "tap_forged", "chip": 0},  # not issued: it shows nothing to copy
            )
            for wrong in wrongs:
                with pytest.raises(CommandError, match=r"expected|give either|no message"):
                    world.do(wrong)
        finally:
            world.close()
