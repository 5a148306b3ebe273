"""`medtap card sun`: judges the address that an NTAG 424 DNA card writes anew at each tap."""

from typing import Annotated

import typer

from cards.aes import check_key
from medtap.cli.output import print_json, say

app = typer.Typer(no_args_is_help=True, help="SUN messages of NTAG 424 DNA cards.")

KeyText = Annotated[str, typer.Option(metavar="HEX", help="32 hexadecimal digits.")]


@app.callback()
def sun() -> None:
    """SUN messages of NTAG 424 DNA cards."""


@app.command()
def verify(
    url: Annotated[str, typer.Option(help="The address, as the card gave it.")],
    meta_key: KeyText,
    file_key: KeyText,
    mac_input: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="What stands between SDMMACInputOffset and SDMMACOffset. If absent: from the encrypted file data to "
            "the MAC, or nothing where the address has none.",
        ),
    ] = None,
    last_counter: Annotated[
        int | None, typer.Option(min=0, help="Highest counter seen of this card: the address must have a higher one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Judge an address by SDMMetaReadKey and SDMFileReadKey. Exit status 0: valid, 1: not, 2: asked wrongly.

    Without --last-counter nothing is known of earlier taps, and a replay is not seen.
    """
    from cards.ntag424.counters import RememberedCounters
    from cards.ntag424.sun import SunKeys, verify_sun

    file_key_bytes = _key(file_key, "--file-key")
    keys = SunKeys(_key(meta_key, "--meta-key"), lambda _uid: file_key_bytes)
    found = verify_sun(url, keys, mac_input=mac_input)
    if found.valid and last_counter is not None and found.uid is not None and found.counter is not None:
        counters = RememberedCounters()
        counters.rises(found.uid, last_counter)
        found = verify_sun(url, keys, counters, mac_input=mac_input)
    uid = None if found.uid is None else found.uid.hex().upper()
    if as_json:
        print_json({"valid": found.valid, "uid": uid, "counter": found.counter, "reason": found.reason or None})
    elif found.valid:
        say(f"valid: card {uid}, tap number {found.counter}")
    else:
        say(f"not valid: {found.reason}")
    raise typer.Exit(0 if found.valid else 1)


def _key(text: str, option: str) -> bytes:
    try:
        return check_key(bytes.fromhex(text), "key")
    except ValueError:
        raise typer.BadParameter("expected 32 hexadecimal digits", param_hint=option) from None
