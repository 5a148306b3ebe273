"""Keys of NTAG 424 DNA cards: NXP's worked example of diversification, and what keeps cards and versions apart."""

import pytest

from cards.aes import cmac, odd_bytes
from cards.ntag424.keys import FACTORY_KEY, FILE_READ_KEY, KEY_COUNT, META_READ_KEY, KeyMasters, diversified
from tests.inventory.published_vectors import load_vectors, short_id

MASTER = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
UID = bytes.fromhex("04782E21801D80")
MASTERS = KeyMasters({1: MASTER, 2: MASTER[::-1]}, current=2)


def test_nxps_worked_example_of_diversification() -> None:
    """AN10922, 2.2.1: UID, application and system identifier as input."""
    assert diversified(MASTER, UID + bytes.fromhex("3042F54E585020416275")).hex() == "a8dd63a3b89d54b37ca802473fda9175"


def test_a_longer_input_than_one_block_is_plain_cmac() -> None:
    """AN10922's padding differs from RFC 4493 for inputs below 16 bytes only."""
    for size in (16, 20, 30, 31):
        assert diversified(MASTER, bytes(range(size))) == cmac(MASTER, b"\x01" + bytes(range(size)))
    assert diversified(MASTER, UID) != cmac(MASTER, b"\x01" + UID)


@pytest.mark.parametrize("wrong", [b"", bytes(32)])
def test_an_input_that_does_not_fit_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="expected 1 to 31"):
        diversified(MASTER, wrong)


def test_every_card_and_every_version_has_keys_of_its_own_but_for_the_one_that_opens_the_uid() -> None:
    other_uid = UID[:-1] + b"\x81"
    keys = {
        MASTERS.card_key(uid, number, version)
        for uid in (UID, other_uid)
        for number in range(KEY_COUNT)
        for version in (1, 2)
    }
    assert len(keys) == 2 * (2 * KEY_COUNT - 1)
    assert MASTERS.card_key(UID, META_READ_KEY, 1) == MASTERS.card_key(other_uid, META_READ_KEY, 1)
    assert MASTERS.card_key(UID, FILE_READ_KEY, 0) == FACTORY_KEY


def test_the_desk_judges_with_the_keys_of_a_version() -> None:
    keys = MASTERS.sun_keys(1)
    assert keys.meta == MASTERS.card_key(UID, META_READ_KEY, 1)
    assert keys.file_of(UID) == MASTERS.card_key(UID, FILE_READ_KEY, 1)


@pytest.mark.parametrize(
    ("by_version", "current", "expected"),
    [
        ({0: MASTER}, 0, "0 is the factory's"),
        ({256: MASTER}, 256, "expected 1 to 255"),
        ({1: MASTER[:-1]}, 1, "master key of version 1 of 15 bytes"),
        ({1: MASTER}, 2, "no master key of this version"),
    ],
)
def test_masters_that_can_not_be_used_are_refused(by_version: dict[int, bytes], current: int, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        KeyMasters(by_version, current)


def test_no_key_for_what_is_no_card_of_ours() -> None:
    for uid, number, version in ((UID[:-1], 0, 1), (UID, 5, 1), (UID, 0, 3)):
        with pytest.raises(ValueError, match=r"expected|no master key"):
            MASTERS.card_key(uid, number, version)


def test_secrets_have_no_printable_form() -> None:
    assert MASTER.hex() not in repr(MASTERS) + repr(MASTERS.sun_keys(1))
    assert str(MASTER) not in repr(MASTERS) + repr(MASTERS.sun_keys(1))


def test_published_macs_and_derived_keys() -> None:
    for vector in load_vectors("ntag424_sdm"):
        if vector["kind"] == "aes_cmac_kdf":
            key, message = bytes.fromhex(vector["key"]), bytes.fromhex(vector["message"])
            assert cmac(key, message).hex() == vector["expected"], short_id(vector)
    assert odd_bytes(bytes(range(16))) == bytes(range(1, 16, 2))
