"""`medtap card`: judging what a card showed, the keys cards are made with, readers and batches of the issuing desk."""

import typer

from medtap.cli import card_batch, card_keys, card_station, card_sun

app = typer.Typer(
    no_args_is_help=True, help="Health cards: judge what one showed; keys, readers and batches of the issuing desk."
)
app.add_typer(card_sun.app, name="sun")
app.add_typer(card_keys.app, name="keys")
app.add_typer(card_station.app, name="station")
app.add_typer(card_batch.app, name="batch")


@app.callback()
def card() -> None:
    """Health cards: judge what one showed; keys, readers and batches of the issuing desk."""
