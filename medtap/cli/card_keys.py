"""`medtap card keys`: makes the card CA and the master keys that cards are issued with, and keeps them sealed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from medtap.cli.output import fail, print_json, say

app = typer.Typer(no_args_is_help=True, help="The card CA and the master keys: make, rotate, show.")

KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The sealed file.")]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="Its first line is the passphrase. Asked for at the terminal, if absent.")
]
Years = Annotated[int, typer.Option(min=1, max=30, help="How long the card CA's certificate is valid.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")]
_DAYS_A_YEAR = 365


@app.callback()
def keys() -> None:
    """The card CA and the master keys: make, rotate, show."""


@app.command()
def create(
    file: KeyFile,
    name: Annotated[str, typer.Option(help="Name of the card CA, as readers' logs show it.")],
    years: Years = 15,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a card CA and the first master keys, sealed into a new FILE. Keep a copy and the passphrase in a safe."""
    from cards.issuing.key_file import IssuingKeys, KeyFileError, write_key_file

    passphrase = _passphrase(passphrase_file, confirm=True)
    begin = datetime.now(UTC).replace(microsecond=0)
    made = IssuingKeys.create(name, valid_from=begin, valid_until=begin + timedelta(days=years * _DAYS_A_YEAR))
    try:
        write_key_file(file, made, passphrase)
    except KeyFileError as error:
        fail(str(error))
    _show(file, made.ca_certificate.not_valid_after_utc, made.tag_masters.current, as_json=as_json)


@app.command()
def rotate(
    file: KeyFile,
    terminals: Annotated[
        bool, typer.Option("--terminals", help="A new generation of emergency terminal keys, and nothing else.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Add master keys of the next version, for new cards. Those of issued cards stay; so does the card CA."""
    from cards.issuing.key_file import KeyFileError, read_key_file, write_key_file

    passphrase = _passphrase(passphrase_file)
    try:
        found = read_key_file(file, passphrase)
        rotated = found.with_new_terminal_key() if terminals else found.rotated()
        write_key_file(file, rotated, passphrase, replacing=True)
    except KeyFileError as error:
        fail(str(error))
    except ValueError as error:
        fail(f"{error}: no further version is left in one byte; begin a new file for new cards")
    _show(file, rotated.ca_certificate.not_valid_after_utc, rotated.tag_masters.current, as_json=as_json)


@app.command()
def show(
    file: KeyFile,
    anchor: Annotated[
        Path | None, typer.Option(help="Write the card CA's certificate here, for readers (PEM).")
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what is in FILE, without any secret; write the trust anchor that readers need."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from cards.issuing.key_file import KeyFileError, read_key_file

    try:
        found = read_key_file(file, _passphrase(passphrase_file))
        if anchor is not None:
            anchor.write_bytes(found.ca_certificate.public_bytes(Encoding.PEM))
    except (KeyFileError, OSError) as error:
        fail(str(error))
    _show(file, found.ca_certificate.not_valid_after_utc, found.tag_masters.current, as_json=as_json)


@app.command("export-terminal")
def export_terminal(
    file: KeyFile,
    out: Annotated[Path, typer.Option(help="Write the terminal's keys here, for its owner's eyes only.")],
    desk: Annotated[
        bool,
        typer.Option(
            "--desk",
            help="Keys for a registration desk: its reader judges NTAG 424 cards with them (JSON). Without it, the "
            "private keys of a terminal that may read emergency records (PEM).",
        ),
    ] = False,
    generations: Annotated[int, typer.Option(min=1, max=4, help="The newest so many; of emergency keys.")] = 2,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Write the keys of a terminal: of a desk, or for emergency records. Move them there, and leave no copy behind."""
    from cards.issuing.key_file import KeyFileError, read_key_file, write_desk_keys, write_terminal_keys

    try:
        keys = read_key_file(file, _passphrase(passphrase_file))
        if desk:
            write_desk_keys(out, keys)
        else:
            write_terminal_keys(out, keys, generations)
    except KeyFileError as error:
        fail(str(error))
    if desk:
        say(f"{out}: keys of a desk, for [cards] desk_keys_file; whoever has this file can forge NTAG 424 addresses")
    else:
        say(f"{out}: keys of an emergency terminal; whoever has this file can read the emergency record of a card")


@app.command("issue-status-key")
def issue_status_key(
    file: KeyFile,
    out: Annotated[Path, typer.Option(help="Write the key and its certificate here (PEM), for the gateway alone.")],
    name: Annotated[str, typer.Option(help="Name in its certificate, as logs show it.")] = "medtap card status",
    years: Annotated[int, typer.Option(min=1, max=30, help="How long the key may sign.")] = 5,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make the key that the gateway signs lists of lost and revoked cards with, certified by the card CA."""
    from cards.issuing.key_file import KeyFileError, read_key_file, write_status_key
    from cards.issuing.signer import SignerError
    from cards.issuing.status_key import make_status_key

    begin = datetime.now(UTC).replace(microsecond=0)
    try:
        issuer = read_key_file(file, _passphrase(passphrase_file))
        until = begin + timedelta(days=years * _DAYS_A_YEAR)
        write_status_key(out, make_status_key(name, valid_from=begin, valid_until=until, issuer=issuer))
    except (KeyFileError, SignerError, ValueError) as error:
        fail(str(error))
    say(f"{out}: for [taps] status_key_file of the gateway; edge nodes that trust this card CA believe its lists")


@app.command("create-in-module")
def create_in_module(
    module: Annotated[Path, typer.Option(help="The module's PKCS#11 library.")],
    token: Annotated[str, typer.Option(help="Label of the token.")],
    key: Annotated[str, typer.Option(help="Label for the new key.")],
    name: Annotated[str, typer.Option(help="Name of the card CA, as readers' logs show it.")],
    pin_file: Annotated[Path, typer.Option(help="Its first line is the PIN of the token's user.")],
    anchor: Annotated[Path, typer.Option(help="Write the card CA's certificate here (PEM).")],
    years: Years = 15,
) -> None:
    """Make the card CA's key in a hardware security module, where it stays."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from cards.issuing.hsm import HsmKey, create_ca
    from cards.issuing.signer import SignerError

    begin = datetime.now(UTC).replace(microsecond=0)
    until = begin + timedelta(days=years * _DAYS_A_YEAR)
    pin = _first_line(pin_file)
    if anchor.exists():
        fail(f"{anchor} exists: a card CA's certificate is never overwritten by accident; move it away first")
    try:
        certificate = create_ca(HsmKey(module, token, key), pin, name, valid_from=begin, valid_until=until)
        anchor.write_bytes(certificate.public_bytes(Encoding.PEM))
    except (SignerError, OSError) as error:
        fail(str(error))
    say(f"card CA {name!r} until {until:%Y-%m-%d}; its certificate is in {anchor}")


def _show(file: Path, valid_until: datetime, version: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(file), "ca_valid_until": valid_until.isoformat(), "key_version": version})
        return
    say(f"{file}: card CA until {valid_until:%Y-%m-%d}, new cards get keys of version {version}")


def _passphrase(file: Path | None, *, confirm: bool = False) -> str:
    """Never from the command line, where others see it."""
    if file is not None:
        return _first_line(file)
    answer: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm)
    return answer


def _first_line(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file}: {error}", 2)
    if not lines or not lines[0]:
        fail(f"{file}: its first line is empty, expected the secret", 2)
    return lines[0]
