"""`medtap card`: health cards without a desk: judging what one showed, making the keys that they are issued with."""

import typer

from medtap.cli import card_keys, card_sun

app = typer.Typer(no_args_is_help=True, help="Health cards: judge what one showed, make the keys they are issued with.")
app.add_typer(card_sun.app, name="sun")
app.add_typer(card_keys.app, name="keys")


@app.callback()
def card() -> None:
    """Health cards: judge what one showed, make the keys they are issued with."""
