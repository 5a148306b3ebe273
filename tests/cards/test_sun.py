"""SUN messages of NTAG 424 DNA: NXP's published examples, and what is refused. All keys here are published ones."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cards.ntag424.counters import RememberedCounters
from cards.ntag424.originality import is_original
from cards.ntag424.sun import SunKeys, SunVerdict, verify_sun
from cards.ntag424.sun_url import parse_sun_url
from medtap.cli.app import app
from tests.inventory.published_vectors import load_vectors, short_id

ZERO = bytes(16)
KEYS = SunKeys(ZERO, lambda _uid: ZERO)
# NXP AN12196, table 2: the address of a demonstration tag with factory keys
EXAMPLE = "https://ntag.nxp.com/424?e=EF963FF7828658A599F3041510671E88&c=94EED9EE65337086"
EXAMPLE_UID = bytes.fromhex("04DE5F1EACC040")
EXAMPLE_COUNTER = 61
# NXP AN12196, table 4: with encrypted file data
WITH_FILE = (
    "https://www.my424dna.com/?picc_data=FD91EC264309878BE6345CBE53BADF40"
    "&enc=CEE9A53E3E463EF1F459635736738962&cmac=ECC1E7F6C6C73BF6"
)
WITH_FILE_INPUT = "CEE9A53E3E463EF1F459635736738962&cmac="
runner = CliRunner()


def test_nxps_example_names_its_card_and_its_tap() -> None:
    assert verify_sun(EXAMPLE, KEYS) == SunVerdict(
        valid=True, reason="", uid=EXAMPLE_UID, counter=EXAMPLE_COUNTER, file_data=b""
    )


def test_file_data_are_decrypted_once_the_mac_covers_them() -> None:
    found = verify_sun(WITH_FILE, KEYS)
    assert (found.valid, found.counter, found.file_data) == (True, 8, b"x" * 16)
    assert verify_sun(WITH_FILE, KEYS, mac_input=WITH_FILE_INPUT) == found


def test_an_address_counts_once_and_an_older_one_never() -> None:
    counters = RememberedCounters()
    assert verify_sun(EXAMPLE, KEYS, counters).valid
    again = verify_sun(EXAMPLE, KEYS, counters)
    assert (again.valid, again.code, again.uid, again.counter) == (False, "replayed", EXAMPLE_UID, EXAMPLE_COUNTER)
    assert counters.rises(EXAMPLE_UID, EXAMPLE_COUNTER + 1)
    assert not counters.rises(EXAMPLE_UID, EXAMPLE_COUNTER)
    assert counters.rises(b"another", 0)


def test_a_forged_address_does_not_move_the_counter() -> None:
    counters = RememberedCounters()
    assert verify_sun(EXAMPLE.replace("94EE", "94EF"), KEYS, counters).code == "wrong_mac"
    assert verify_sun(EXAMPLE, KEYS, counters).valid


def test_a_message_of_other_keys_is_told_from_a_forged_one_where_it_can_be() -> None:
    other = bytes(range(16))
    assert verify_sun(EXAMPLE, SunKeys(other, lambda _uid: ZERO)).code == "not_ours"
    assert verify_sun(EXAMPLE, SunKeys(ZERO, lambda _uid: other)).code == "wrong_mac"
    assert verify_sun(EXAMPLE, SunKeys(ZERO, lambda _uid: other)).uid is None


def test_the_cards_own_key_is_asked_for_by_its_uid() -> None:
    asked: list[bytes] = []

    def key_of(uid: bytes) -> bytes:
        asked.append(uid)
        return ZERO

    assert verify_sun(EXAMPLE, SunKeys(ZERO, key_of)).valid
    assert asked == [EXAMPLE_UID]


def test_encrypted_data_that_the_given_mac_input_does_not_cover_are_refused() -> None:
    changed = WITH_FILE.replace("enc=C", "enc=D")
    assert verify_sun(changed, KEYS, mac_input=WITH_FILE_INPUT).code == "wrong_mac"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "no MAC"),
        ("https://x/?c=94EED9EE65337086", "neither PICCData nor a UID"),
        ("https://x/?e=EF963FF7828658A599F3041510671E88", "no MAC"),
        ("https://x/?e=EF963FF7828658A599F3041510671E&c=94EED9EE65337086", "PICCData of 15 bytes"),
        ("https://x/?e=ef963ff7828658a599f3041510671e88&c=94EED9EE65337086", "neither PICCData"),
        (EXAMPLE + "&c=94EED9EE65337086", "mac stands 2 times"),
        (EXAMPLE + "\n", "all of them printable ASCII"),
        (EXAMPLE + "&x=" + "0" * 2000, "at most 1024"),
        ("https://x/?c=94EED9EE65337086&picc=EF963FF7828658A599F3041510671E88&enc=" + "00" * 16, "before the MAC"),
        ("https://x/?uid=041E3C8A2D6B80&ctr=0006&cmac=4B00064004B0B3D3", "neither PICCData"),
    ],
)
def test_an_address_that_no_chip_completed_is_malformed(url: str, expected: str) -> None:
    found = verify_sun(url, KEYS)
    assert (found.valid, found.code) == (False, "malformed")
    assert expected in found.reason


def test_values_are_found_by_length_where_the_sites_template_names_them_otherwise() -> None:
    plain = verify_sun(EXAMPLE.replace("e=", "tap=").replace("&c=", "&proof="), KEYS)
    assert plain.valid
    named = WITH_FILE.replace("picc_data=", "first=").replace("enc=", "second=").replace("cmac=", "third=")
    assert parse_sun_url(named).mac_input == "CEE9A53E3E463EF1F459635736738962&third="


def test_parameters_of_the_sites_own_are_left_alone() -> None:
    assert verify_sun(EXAMPLE.replace("?", "?m=AB&n=00112233&x=y&"), KEYS).valid
    assert verify_sun(EXAMPLE + "&utm=abc", KEYS).valid
    assert "mac stands 2 times" in verify_sun(EXAMPLE + "&m=0011223344556677", KEYS).reason


@given(st.text(max_size=200) | st.from_regex(r"https://x/\?([a-z]{1,4}=[0-9A-F]{0,50}&){0,5}", fullmatch=True))
def test_no_address_whatever_gets_further_than_a_verdict(url: str) -> None:
    found = verify_sun(url, KEYS)
    assert not found.valid
    assert found.code in {"malformed", "not_ours", "wrong_mac"}


def _url(vector: Mapping[str, Any]) -> str:
    if "picc_enc_data" not in vector:
        counter = vector["read_ctr_hex_as_in_url_msb_first"]
        return f"https://x/?uid={vector['uid']}&ctr={counter}&cmac={vector['sdmmac']}"
    file = f"&enc={vector['enc_file_data']}" if "enc_file_data" in vector else ""
    return f"https://x/?picc_data={vector['picc_enc_data']}{file}&cmac={vector['sdmmac']}"


def _asked(vector: Mapping[str, Any]) -> list[str]:
    meta, file = vector.get("sdm_meta_read_key", ZERO.hex()), vector["sdm_file_read_key"]
    command = ["card", "sun", "verify", "--url", _url(vector), "--meta-key", meta, "--file-key", file, "--json"]
    return [*command, "--mac-input", vector["mac_input_ascii"]] if "mac_input_ascii" in vector else command


def test_published_sun_messages() -> None:
    """Those in LRP mode and with UID and counter in the clear among them."""
    vectors = [each for each in load_vectors("ntag424_sdm") if each["kind"].startswith("sun_")]
    assert len(vectors) >= 6
    for vector in vectors:
        found = runner.invoke(app, _asked(vector))
        said = json.loads(found.stdout)
        assert found.exit_code == (0 if vector["valid"] else 1), short_id(vector)
        assert said["valid"] == vector["valid"], short_id(vector)
        expected = vector.get("expected", {})
        if "uid" in expected:
            assert (said["uid"], said["counter"]) == (expected["uid"], expected["read_ctr"]), short_id(vector)
        if "file_data_ascii" in expected:
            assert vector["sdm_meta_read_key"] == vector["sdm_file_read_key"] == ZERO.hex()
            assert verify_sun(_url(vector), KEYS).file_data.decode() == expected["file_data_ascii"]


def test_published_originality_signatures() -> None:
    vectors = [each for each in load_vectors("ntag424_sdm") if each["kind"].startswith("originality_sig_")]
    assert len(vectors) >= 8
    wrong = [
        short_id(each)
        for each in vectors
        if is_original(bytes.fromhex(each["uid"]), bytes.fromhex(each["signature_r_s"])) != each["valid"]
    ]
    assert wrong == []


def test_an_originality_signature_is_of_one_uid() -> None:
    """NXP AN12196 has none; this one is of a tag that nfc-ev2-crypto's tests publish."""
    signature = bytes.fromhex(
        "A438FEB368DC45F9B8899C2926A985BE5D08E342CE016E9F08F3FDAE388BB4D6B3DFD7DEA2E1977CCD2E4C9F82F245D4DE08FB7FCB8043E3"
    )
    assert is_original(bytes.fromhex("041D3C8A2D6B80"), signature)
    assert not is_original(bytes.fromhex("041D3C8A2D6B81"), signature)
    assert not is_original(bytes.fromhex("041D3C8A2D6B80"), signature[:-1])
    assert not is_original(b"", signature)


def test_published_vectors_that_bind_nothing_here_are_only_another_projects_key_scheme() -> None:
    """`kdf_sdm_backend`: HMAC-based diversification of one server; ours is NXP's AN10922."""
    tested = ("sun_", "originality_sig_", "aes_cmac_kdf")
    others = {each["kind"] for each in load_vectors("ntag424_sdm") if not each["kind"].startswith(tested)}
    assert others <= {"kdf_sdm_backend"}


def test_a_script_gets_nulls_for_what_is_not_known_and_a_person_a_sentence() -> None:
    zero = ZERO.hex()
    keys = ["--meta-key", zero, "--file-key", zero]
    refused = runner.invoke(app, ["card", "sun", "verify", "--url", EXAMPLE[:-1] + "7", *keys, "--json"])
    assert refused.exit_code == 1
    said = json.loads(refused.stdout)
    assert (said["valid"], said["uid"], said["counter"]) == (False, None, None)
    assert said["reason"].startswith("wrong_mac:")
    shown = runner.invoke(app, ["card", "sun", "verify", "--url", EXAMPLE, *keys])
    assert (shown.exit_code, shown.stdout) == (0, "valid: card 04DE5F1EACC040, tap number 61\n")
    replayed = runner.invoke(app, ["card", "sun", "verify", "--url", EXAMPLE, *keys, "--last-counter", "61", "--json"])
    assert replayed.exit_code == 1
    assert json.loads(replayed.stdout)["counter"] == 61
    assert json.loads(replayed.stdout)["reason"].startswith("replayed:")


def test_a_key_that_is_none_is_a_wrong_question() -> None:
    asked = ["card", "sun", "verify", "--url", EXAMPLE, "--meta-key", "00", "--file-key", ZERO.hex()]
    assert runner.invoke(app, asked).exit_code == 2
