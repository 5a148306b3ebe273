"""An edge node: its configuration, its broker, each of its devices."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.config import ConfigError, EdgeConfig, load
from medtap.doctor.finding import Finding, broken, ok
from medtap.doctor.machine import storage

_CONNECT_TIMEOUT_S: Final = 3.0


def examine_edge_node(config_file: Path) -> Iterator[Finding]:
    """Look at the configuration and at everything it names; the agent need not run."""
    try:
        config = load(config_file)
    except ConfigError as error:
        yield broken(
            f"edge configuration {config_file}", str(error), "correct the file; edge/sample.toml explains each key"
        )
        return
    yield ok(f"edge configuration {config_file}", f"{len(config.devices)} devices of node {config.node.edge_node}")
    yield _state_dir(config)
    yield reachable("MQTT broker", config.broker.host, config.broker.port, "start the broker, or correct [broker]")
    for device in config.devices:
        yield from _device(device.device_id, device.model_dump())


def reachable(what: str, host: str, port: int, mend: str) -> Finding:
    """Whether a TCP connection is accepted there."""
    try:
        socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return broken(what, f"{host}:{port}: {error}", mend)
    return ok(what, f"{host}:{port} accepts connections")


def _state_dir(config: EdgeConfig) -> Finding:
    directory = config.node.state_dir
    if directory.is_dir():
        return storage(directory)
    parent = next(one for one in [*directory.parents] if one.exists())
    if os.access(parent, os.W_OK):
        return ok(f"storage at {directory}", "not there yet; the agent makes it")
    return broken(
        f"storage at {directory}", "not there and can't be made", f"mkdir -p {directory} and give it to the agent"
    )


def _device(device_id: str, settings: dict[str, object]) -> Iterator[Finding]:
    what = f"device {device_id} ({settings['driver']})"
    if settings.get("base_dir"):
        yield _path(
            what,
            Path(str(settings["base_dir"])) / str(settings["sensor_id"]),
            "is the sensor wired and w1-gpio loaded?",
        )
    elif settings.get("path"):
        yield _path(
            what, Path(str(settings["path"])), "is it plugged in, and is the agent's user in the group of the file?"
        )
    elif settings.get("host"):
        host, port = str(settings["host"]), int(str(settings["port"]))
        yield reachable(what, host, port, "is the device on, and is its address right?")


def _path(what: str, path: Path, mend: str) -> Finding:
    if not path.exists():
        return broken(what, f"there is no {path}", mend)
    if not os.access(path, os.R_OK):
        return broken(what, f"{path} can't be read by this user", mend)
    return ok(what, str(path))
