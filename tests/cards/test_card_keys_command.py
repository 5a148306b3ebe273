"""`medtap card keys`: the card CA and the master keys, made and rotated from the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cards.emergency.sealing import TerminalKeys
from cards.issuing.key_file import read_key_file
from cards.issuing.status_key import StatusKey
from cards.ntag424.desk_keys import DeskKeys
from cards.ntag424.keys import FILE_READ_KEY
from cards.trust import TrustAnchors
from medtap.cli.app import app

UID = bytes.fromhex("04782E21801D80")
PASSPHRASE = "bốn con mèo trên mái"  # noqa: S105 - of this test


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\nnot this\n")
    return file


def run(*arguments: object, answers: str = "") -> Result:
    return CliRunner().invoke(app, ["card", "keys", *map(str, arguments)], input=answers)


def test_keys_are_made_shown_and_rotated(tmp_path: Path, secret: Path) -> None:
    file, anchor = tmp_path / "issuing-keys", tmp_path / "card-ca.pem"
    made = run("create", file, "--name", "Thẻ BV Nhi", "--years", 10, "--passphrase-file", secret, "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["key_version"] == 1
    assert run("rotate", file, "--passphrase-file", secret).exit_code == 0
    shown = run("show", file, "--anchor", anchor, "--passphrase-file", secret)
    assert "keys of version 2" in shown.stdout
    assert run("rotate", file, "--terminals", "--passphrase-file", secret).exit_code == 0
    exported = tmp_path / "terminal.pem"
    assert run("export-terminal", file, "--out", exported, "--passphrase-file", secret).exit_code == 0
    assert len(TerminalKeys.from_pem(exported.read_bytes()).by_id) == 2
    keys = read_key_file(file, PASSPHRASE)
    for_desk, status_key = tmp_path / "desk-keys.json", tmp_path / "status-key.pem"
    said = run("export-terminal", file, "--desk", "--out", for_desk, "--passphrase-file", secret)
    assert "can forge NTAG 424 addresses" in said.stdout
    desk = DeskKeys.from_json(for_desk.read_bytes())
    assert desk.sun_keys(2).file_of(UID) == keys.tag_masters.card_key(UID, FILE_READ_KEY, 2)
    assert keys.tag_masters.by_version[2].hex() not in for_desk.read_text()
    assert run("issue-status-key", file, "--out", status_key, "--passphrase-file", secret).exit_code == 0
    StatusKey.from_pem(status_key.read_bytes()).certificate.verify_directly_issued_by(keys.ca_certificate)
    assert {path.stat().st_mode & 0o077 for path in (for_desk, status_key)} == {0}
    assert set(keys.tag_masters.by_version) == {1, 2}
    assert TrustAnchors.from_pem(anchor.read_bytes()).certificates == (keys.ca_certificate,)


def test_nothing_is_overwritten_and_a_wrong_passphrase_opens_nothing(tmp_path: Path, secret: Path) -> None:
    file = tmp_path / "issuing-keys"
    assert run("create", file, "--name", "x", answers=f"{PASSPHRASE}\n{PASSPHRASE}\n").exit_code == 0
    before = file.read_bytes()
    again = run("create", file, "--name", "x", "--passphrase-file", secret)
    assert (again.exit_code, file.read_bytes()) == (1, before)
    assert "never overwritten" in again.stderr
    refused = run("rotate", file, answers="another passphrase\n")
    assert (refused.exit_code, file.read_bytes()) == (1, before)
    assert "another passphrase, or the file is damaged" in refused.stderr
    assert run("show", file, "--passphrase-file", tmp_path / "none").exit_code == 2


def test_a_module_that_is_not_there_is_said(tmp_path: Path, secret: Path) -> None:
    asked = run(
        "create-in-module", "--module", tmp_path / "none.so", "--token", "t", "--key", "k", "--name", "x",
        "--pin-file", secret, "--anchor", tmp_path / "ca.pem",
    )  # fmt: skip
    assert asked.exit_code == 1
    assert "none.so" in asked.stderr
    assert PASSPHRASE not in asked.stderr
    assert not (tmp_path / "ca.pem").exists()
