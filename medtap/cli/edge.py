"""`medtap edge`: the agent of an edge node, its configuration and its state."""

import json
import logging
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

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
    from edge.agent import Agent
    from edge.agent_errors import AgentError
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
    if state["acks_ignored"]:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(state["acks_ignored"].items()))
        say(f"  answers of the gateway that were not used: {reasons}")
    kept = state.get("card_status")
    if kept is not None:
        old = "; IT IS OLD" if kept["stale"] else ""
        say(f"  list of cards to refuse: {kept['cards']} cards, number {kept['number']} of {kept['issued_at']}{old}")
    for device_id, device in state["devices"].items():
        say(f"  {device_id} ({device['driver']}): {device['state']} {device['reason']}".rstrip())


STATUS_FRESH_S = 10.0
"""A running agent writes its status every second."""


@app.command()
def outbox(config_file: ConfigFile, as_json: AsJson = False) -> None:
    """Rows that wait and since when, marks, declared gaps, sizes. Never opens the file of a running agent."""
    from edge.config import ConfigError, load

    try:
        state_dir = load(config_file).node.state_dir
    except ConfigError as error:
        fail(str(error), 2)
    told = _told_by_the_agent(state_dir / "status.json")
    found = told or _look_at(state_dir / "outbox.sqlite3", config_file)
    if as_json:
        print_json({"agent_running": told is not None, **found})
        return
    say(f"{found['file']}: " + ("as its agent says" if told else "no agent runs; looked at a copy"))
    for name, stream in found["streams"].items():
        since = f", the oldest since {stream['waiting_since']}" if stream["waiting_since"] else ""
        say(f"  {name}: {stream['waiting']} rows wait for the gateway{since}")
        say(
            f"    kept from {stream['oldest_kept_seq']}, acknowledged to {stream['acknowledged_seq']},"
            f" last {stream['last_seq']}, epoch {stream['epoch']}"
        )
    cap = f" of {found['size_max_bytes']}" if found["size_max_bytes"] else ""
    full = "; THE DISK IS FULL" if found["disk_is_full"] else ""
    say(f"  size: {found['used_bytes']}{cap} bytes in use, {found['wal_bytes']} in the write-ahead log{full}")
    percent, spoilt = found["checked_percent"], found["spoilt_rows"]
    if percent is not None and (percent < 100 or spoilt):  # noqa: PLR2004 - per cent
        say(f"  check of what is kept: {percent} %, {spoilt} rows are not as they were written")
    for gap in found["gaps"]:
        say(f"  gap: {gap['stream']} {gap['first_seq']} to {gap['last_seq']}: {gap['reason']}")
    for name in found["damaged_files"]:
        say(f"  damaged, set aside: {name}")


def _told_by_the_agent(status_file: Path) -> Mapping[str, Any] | None:
    """What a running agent says of its outbox; None if none runs."""
    try:
        state = json.loads(status_file.read_text())
        fresh = (datetime.now(UTC) - datetime.fromisoformat(state["written_at"])).total_seconds() < STATUS_FRESH_S
        told: Mapping[str, Any] | None = state["outbox"] if state["running"] and fresh else None
    except (OSError, ValueError, KeyError):
        return None
    return told


def _look_at(file: Path, config_file: Path) -> Mapping[str, Any]:
    from edge.outbox_view import look

    try:
        return look(file).model_dump(mode="json")
    except FileNotFoundError:
        fail(f"no {file}: the agent has not run yet; start it with: medtap edge run {config_file}")
    except sqlite3.DatabaseError as error:
        fail(
            f"{file} is damaged ({error}): start the agent, which rescues what is whole: medtap edge run {config_file}"
        )
    except (OSError, ValueError) as error:
        fail(str(error))
