"""`medtap card`: health cards, without a desk: judging what one showed, making and checking keys."""

import typer

from medtap.cli import card_sun

app = typer.Typer(no_args_is_help=True, help="Health cards: judge what a card showed.")
app.add_typer(card_sun.app, name="sun")


@app.callback()
def card() -> None:
    """Health cards: judge what a card showed."""
