"""`medtap edge`: the agent of an edge node, its configuration and its state."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from medtap.cli.output import fail, print_json, say
from medtap.cli.stop_signal import stop_on_signals

app = typer.Typer(no_args_is_help=True, help="The agent on an edge node: reads devices, keeps what they say, sends it.")

ConfigFile = Annotated[Path, typer.Argument(help="The node's TOML file (edge/sample.toml explains each key).")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")]


@app.command()
def run(
    config_file: ConfigFile,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the agent until SIGTERM or Ctrl-C."""
    from edge.agent import Agent, AgentError
    from edge.config import ConfigError, load

    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = stop_on_signals()
    try:
        Agent(load(config_file)).run(stop)
    except (ConfigError, AgentError) as error:
        fail(str(error), 2)


@app.command()
def check(config_file: ConfigFile, as_json: AsJson = False) -> None:
    """Say whether the configuration is right; starts nothing."""
    from edge.config import ConfigError, load

    try:
        config = load(config_file)
    except ConfigError as error:
        if as_json:
            print_json({"ok": False, "error": str(error)})
            raise typer.Exit(2) from None
        fail(str(error), 2)
    devices = [{"device_id": device.device_id, "driver": device.driver} for device in config.devices]
    if as_json:
        print_json({"ok": True, "site": config.node.site, "edge_node": config.node.edge_node, "devices": devices})
        return
    say(f"{config_file}: right. Edge node {config.node.edge_node} of site {config.node.site}, {len(devices)} devices:")
    for device in devices:
        say(f"  {device['device_id']}: {device['driver']}")


@app.command()
def status(config_file: ConfigFile, as_json: AsJson = False) -> None:
    """What the running (or last) agent says of itself: devices, rows kept, rows that wait."""
    from edge.config import ConfigError, load

    try:
        path = load(config_file).node.state_dir / "status.json"
        state = json.loads(path.read_text())
    except ConfigError as error:
        fail(str(error), 2)
    except FileNotFoundError:
        fail(f"no {path}: the agent has not run yet; start it with: medtap edge run {config_file}")
    if as_json:
        print_json(state)
        return
    say(f"edge node {state['edge_node']} of {state['site']}: {'connected' if state['connected'] else 'NOT connected'}")
    for name, stream in state["streams"].items():
        waiting = stream["last_seq"] - stream["acknowledged_seq"]
        say(f"  {name}: {stream['last_seq']} rows, {waiting} wait for the gateway")
    for device_id, device in state["devices"].items():
        say(f"  {device_id} ({device['driver']}): {device['state']} {device['reason']}".rstrip())
