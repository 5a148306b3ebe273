"""`medtap sim`: the simulated silicon of a small hospital."""

import json
import logging
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from medtap.cli.output import fail, print_json, say
from medtap.cli.stop_signal import stop_on_signals

app = typer.Typer(no_args_is_help=True, help="Simulated silicon: cards, tags, readers, scanners, fridges.")


@app.command()
def run(
    directory: Annotated[Path | None, typer.Option("--dir", help="Where links, sockets and world.json go.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same hospital.")] = 1,
    autoplay: Annotated[
        bool, typer.Option("--autoplay", help="Let patients, packs and fridges move by themselves.")
    ] = False,
) -> None:
    """Run the simulated hospital until SIGTERM or Ctrl-C."""
    from firmware_sim.runtime import RuntimeOptions
    from firmware_sim.runtime import run as run_world

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = stop_on_signals()
    where = directory or Path(tempfile.mkdtemp(prefix="medtap-sim-"))
    say(f"simulated hospital, seed {seed}, in {where}; world.json says what is where")
    run_world(RuntimeOptions(directory=where, seed=seed, autoplay=autoplay), stop)


@app.command()
def insurance(
    port: Annotated[int, typer.Option(help="TCP port on this machine; 0 takes a free one.")] = 8090,
    delay_s: Annotated[float, typer.Option("--delay", help="Seconds before each answer.")] = 0.0,
    away: Annotated[bool, typer.Option("--away", help="Answer every question with status 503.")] = False,
) -> None:
    """Stand in for the insurance's portal until SIGTERM or Ctrl-C: a card number's last digit decides the answer."""
    from firmware_sim.insurance_service import InsurancePortal, InsuranceServer

    stop = stop_on_signals()
    with InsuranceServer(InsurancePortal(delay_s=delay_s, away=away), port=port) as server:
        say(f"the gateway's configuration: [insurance] url = {server.url!r}")
        stop.wait()


@app.command("do")
def do_something(
    verb: Annotated[str, typer.Argument(help="tap, scan, half_scan, warm, cool, door, unplug, plug, counts, ...")],
    arguments: Annotated[list[str] | None, typer.Argument(help="key=value; a value is JSON or plain text.")] = None,
    directory: Annotated[Path, typer.Option("--dir", help="The directory of the running simulation.")] = Path(),
) -> None:
    """Make something happen in the running simulation: medtap sim do tap patient=3 --dir DIR."""
    from firmware_sim.client import ControlClient

    command: dict[str, Any] = {}
    for argument in arguments or []:
        key, separator, value = argument.partition("=")
        if not separator:
            fail(f"argument {argument!r}: expected key=value, such as patient=3", 2)
        try:
            command[key] = json.loads(value)
        except json.JSONDecodeError:
            command[key] = value
    try:
        reply = ControlClient(directory / "control.sock").do(do=verb, **command)
    except OSError as error:
        fail(f"no simulation answers in {directory}: {error}; start one with: medtap sim run --dir {directory}")
    print_json(reply)
    if not reply.get("ok"):
        raise typer.Exit(1)
