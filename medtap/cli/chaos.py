"""`medtap chaos`: breaks a small fleet on purpose and counts what came through."""

import sys
from typing import Annotated

import typer

from medtap.cli.output import fail, print_json, say
from medtap.cli.stop_signal import stop_on_signals

app = typer.Typer(no_args_is_help=True, help="Faults on purpose: nothing may be lost, nothing may come twice.")


@app.callback()
def chaos() -> None:
    """Faults on purpose: nothing may be lost, nothing may come twice."""


@app.command()
def run(
    *,
    seed: Annotated[int, typer.Option(help="Decides which faults come when; the same again is the same schedule.")] = 1,
    seconds: Annotated[float, typer.Option(min=3, help="How long faults come; start and settling are extra.")] = 60,
    faults: Annotated[str, typer.Option(help="all, core, or a list such as kill_agent,partition.")] = "all",
    nodes: Annotated[int, typer.Option(min=1, max=20, help="How many edge nodes.")] = 3,
    verbose: Annotated[bool, typer.Option("--verbose", help="Schedule and events on standard error.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """Run agents, broker, gateway and database, break them, and compare what was committed with what is stored.

    Exit code 0 only if stored + declared gaps = generated and there is no duplicate.
    """
    from medtap.chaos.faults import parse_faults
    from medtap.chaos.run import ChaosOptions, run_chaos
    from medtap.services.errors import ServiceError

    def tell(text: str) -> None:
        if verbose:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    try:
        options = ChaosOptions(seed=seed, seconds=seconds, faults=parse_faults(faults), nodes=nodes)
        report = run_chaos(options, stop=stop_on_signals(), say=tell)
    except ServiceError as error:
        fail(str(error), 2)
    for fault, reason in report.skipped.items():
        sys.stderr.write(f"skipped: {fault}: {reason}\n")
    figures = report.to_json_dict()
    if as_json:
        print_json(figures)
    else:
        for name, value in figures.items():
            say(f"{name}: {value}")
    if not report.passed:
        for remark in report.account.remarks:
            sys.stderr.write(remark + "\n")
        raise typer.Exit(1)
