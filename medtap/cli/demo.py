"""`medtap demo`: a simulated hospital on one machine."""

from typing import Annotated

import typer

from medtap.cli.output import fail, print_json
from medtap.cli.stop_signal import stop_on_signals


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="For scripts: free ports, no chatter.")] = False,
    seconds: Annotated[float | None, typer.Option(min=1, help="Play that long, then stop by itself.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="At the end, one JSON object with what happened.")] = False,
    port: Annotated[int, typer.Option(help="Port of the pages on 127.0.0.1.")] = 8000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same hospital.")] = 1,
) -> None:
    """Start a simulated hospital on this machine, silicon and all; Ctrl-C leaves nothing behind."""
    from medtap.demo.run import DemoOptions, run_demo
    from medtap.services.errors import ServiceError

    options = DemoOptions(
        http_port=0 if headless else port,
        seed=seed,
        seconds=60.0 if headless and seconds is None else seconds,
        quiet=headless or as_json,
    )
    stop = stop_on_signals()
    try:
        report = run_demo(options, stop)
    except ServiceError as error:
        fail(str(error))
    if as_json or headless:
        print_json(report)
