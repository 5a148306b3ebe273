"""The `medtap` command: every subcommand is a typer application in a module of this package."""

import typer

from medtap.cli import (
    bench,
    card,
    chaos,
    coldchain,
    coldchain_export,
    db,
    demo,
    doctor,
    edge,
    gateway,
    hospital,
    label,
    pager,
    scan,
    sim,
    stock,
    stock_catalogue,
    tag,
)

app = typer.Typer(
    name="medtap",
    help="What drug is where, how warm it has been, and which patient is at the desk.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(gateway.app, name="gateway")
app.add_typer(edge.app, name="edge")
app.add_typer(sim.app, name="sim")
app.add_typer(scan.app, name="scan")
app.add_typer(label.app, name="label")
stock.app.command("import")(stock_catalogue.import_file)
app.add_typer(stock.app, name="stock")
app.add_typer(hospital.app, name="hospital")
app.add_typer(pager.app, name="pager")
app.add_typer(tag.app, name="tag")
coldchain.app.command("export")(coldchain_export.export)
app.add_typer(coldchain.app, name="coldchain")
app.add_typer(card.app, name="card")
app.add_typer(bench.app, name="bench")
app.add_typer(chaos.app, name="chaos")
app.add_typer(db.app, name="db")


def main() -> None:
    """Entry point of the console script."""
    app()
