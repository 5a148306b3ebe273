"""Node-RED as a peer: an `mqtt in` node, and a function node that inserts through a pool of the `pg` module."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medtap.bench.ingest_load import Reading
from medtap.bench.peers.peer import NOT_DONE, Missing, Workplace, observation_json
from medtap.services.ports import free_port
from medtap.services.processes import ChildProcess

_NAME: Final = "Node-RED flow"
_POOL_CONNECTIONS: Final = 10
"""The default of pg's pool, and of the usual PostgreSQL nodes."""

_SETTINGS: Final = """\
const {{ Pool }} = require({pg});
module.exports = {{
  flowFile: {flows}, userDir: {directory}, uiHost: "127.0.0.1", uiPort: {port},
  httpAdminRoot: false, httpNodeRoot: false, credentialSecret: false, telemetry: {{ enabled: false }},
  functionGlobalContext: {{ pool: new Pool({{ connectionString: process.env.PEER_DSN, max: {connections} }}) }},
  logging: {{ console: {{ level: "warn", metrics: false, audit: false }} }},
}};
"""
_FUNCTION: Final = """\
const row = msg.payload;
const device = msg.topic.split("/").pop() + "/" + row.device_id;
global.get("pool")
  .query("INSERT INTO peer_reading (device, occurred_at, temperature_celsius) VALUES ($1, $2, $3)",
         [device, row.occurred_at, row.temperature_celsius])
  .then(() => node.done(), (error) => node.error(error, msg));
"""
_FLOW: Final = """[
{"id": "tab", "type": "tab", "label": "ingest"},
{"id": "broker", "type": "mqtt-broker", "autoConnect": true, "usetls": false, "protocolVersion": "5",
 "keepalive": "60", "cleansession": true},
{"id": "in", "type": "mqtt in", "z": "tab", "qos": "1", "datatype": "json", "broker": "broker", "nl": false,
 "rap": true, "rh": 0, "wires": [["insert"]]},
{"id": "insert", "type": "function", "z": "tab", "outputs": 0, "wires": [], "timeout": 0, "noerr": 0,
 "initialize": "", "finalize": "", "libs": []}
]"""


@dataclass(frozen=True)
class NodeRed:
    """An installed Node-RED, with settings and a flow of its own."""

    node: str
    modules: Path
    version: str
    name: str = _NAME
    lacks: Sequence[str] = (*NOT_DONE, "the queue in front of the pool has no bound")

    def message(self, topic_root: str, reading: Reading) -> tuple[str, bytes]:
        """One topic for each edge node, one JSON object a message."""
        return f"{topic_root}/node-{reading.node}", observation_json(reading)

    def process(self, workplace: Workplace) -> ChildProcess:
        """The program, not started."""
        directory = workplace.directory
        flows, settings = directory / "flows.json", directory / "settings.js"
        flows.write_text(json.dumps(_flow(workplace)))
        settings.write_text(
            _SETTINGS.format(
                pg=json.dumps(str(self.modules / "pg")),
                flows=json.dumps(str(flows)),
                directory=json.dumps(str(directory)),
                port=free_port(),
                connections=_POOL_CONNECTIONS,
            )
        )
        return ChildProcess(
            [self.node, str(self.modules / "node-red" / "red.js"), "--settings", str(settings)],
            log_file=directory / "node-red.log",
            env={"PEER_DSN": workplace.dsn, "NODE_ENV": "production"},
        )


def _flow(workplace: Workplace) -> list[dict[str, Any]]:
    flow: list[dict[str, Any]] = json.loads(_FLOW)
    broker, subscription, insert = flow[1:]
    broker.update(broker=workplace.host, port=str(workplace.port), clientid=workplace.topic_root)
    subscription.update(topic=f"{workplace.topic_root}/#")
    insert.update(func=_FUNCTION)
    return flow


def find_node_red(directory: Path | None) -> NodeRed | Missing:
    """Node-RED with `pg` beside it, in `directory`/node_modules or where the `node-red` on PATH is installed."""
    install = "npm install node-red pg (in a directory of its own; then --node-red DIRECTORY)"
    node = shutil.which("node")
    if node is None:
        return Missing(_NAME, "there is no node on PATH", f"install Node.js, then {install}")
    if directory is not None:
        modules = directory.resolve() / "node_modules"
    else:
        program = shutil.which("node-red")
        if program is None:
            return Missing(_NAME, "there is no node-red on PATH and no directory was given", install)
        modules = Path(program).resolve().parents[1]
    versions = {name: _version(modules / name) for name in ("node-red", "pg")}
    absent = [name for name, version in versions.items() if not version]
    if absent:
        return Missing(_NAME, f"{modules} holds no {' and no '.join(absent)}", install)
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - found above
    return NodeRed(node, modules, f"node-red {versions['node-red']}, pg {versions['pg']}, node {said}")


def _version(package: Path) -> str:
    try:
        return str(json.loads((package / "package.json").read_text())["version"])
    except OSError:
        return ""
