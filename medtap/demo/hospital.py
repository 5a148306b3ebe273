"""All processes of the simulated hospital: started in order, watched, stopped in order."""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from firmware_sim.client import ControlClient
from firmware_sim.insurance_service import InsuranceServer
from gateway.db.migrator import migrate
from gateway.issuing.doer import Doer
from gateway.issuing.stations import make_station
from gateway.people.config import KEY_FILE_NAME
from gateway.people.key_store import keys_for
from gateway.people.people import People
from gateway.services.accounts import create_account, sign_in_link
from gateway.services.site_file import import_site, load_site_file
from medtap.demo.card_keys import CardKeyFiles
from medtap.demo.site_plan import DESK, SitePlan, edge_config, plan_site
from medtap.demo.tally import NodeTally, read_node
from medtap.demo.toml_text import toml_text
from medtap.services.broker import EmbeddedBroker
from medtap.services.errors import ServiceError
from medtap.services.ports import free_port
from medtap.services.postgres import EmbeddedPostgres
from medtap.services.processes import ChildProcess

LOG = logging.getLogger(__name__)

_READY_TIMEOUT_S: Final = 60.0
_ACCOUNTS: Final = {
    "pharmacist": ("Dược sĩ trực", "pharmacist"),
    "clerk": ("Nhân viên đăng ký", "clerk"),
    "doctor": ("Bác sĩ phòng khám", "clinician"),
    "issuer": ("Nhân viên cấp thẻ", "card_issuer"),
    "oncall": ("Người trực kho", "on_call"),
    "admin": ("Quản trị", "admin"),
}


@dataclass(frozen=True)
class HospitalOptions:
    """How a simulated hospital is set up."""

    directory: Path
    """Where configurations, outboxes and logs go; the caller deletes it."""
    seed: int = 1
    autoplay: bool = True
    http_port: int = 0
    """0 takes a free one."""
    webhook_url: str = ""
    alarm_after_s: int = 10
    dsn: str | None = None
    """An existing, empty database instead of an embedded one."""
    broker: tuple[str, int] | None = None
    """An existing MQTT broker (host, port) instead of an embedded one."""
    card_station: bool = False
    """Start the issuing desk's reader too."""
    desk_devices: Sequence[Mapping[str, object]] = field(default_factory=tuple)
    """More `[[device]]` tables of the registration desk's node, such as a PC/SC reader."""
    gateway_tables: Mapping[str, Any] = field(default_factory=dict)
    """More tables of the gateway's configuration, such as channels of the pager."""
    desk_network: Callable[[str, int], tuple[str, int]] | None = None
    """From the broker's address to another one for the registration desk's node alone, such as a cable to be cut."""


class SimulatedHospital:
    """Database, broker, gateway, three edge nodes and the silicon they read, each in a process of its own.

    Call it from the main thread: children die with the thread that started them.
    """

    def __init__(self, options: HospitalOptions) -> None:
        """Nothing is started yet."""
        self._options = options
        self._directory = options.directory
        self._postgres = None if options.dsn else EmbeddedPostgres()
        self._broker = None if options.broker else EmbeddedBroker()
        self._broker_address = options.broker or ("", 0)
        self._sim: ChildProcess | None = None
        self._gateway: ChildProcess | None = None
        self._station: ChildProcess | None = None
        self._desk_broker: tuple[str, int] | None = None
        self._keys: CardKeyFiles | None = None
        self.insurance = InsuranceServer()
        """Stands in for the insurance's portal."""
        self.desk_screen_port = free_port()
        self._agents: dict[str, ChildProcess] = {}
        self._plan: SitePlan | None = None
        self.dsn = options.dsn or ""
        self.http_port = options.http_port or free_port()
        self.world: Mapping[str, Any] = {}
        self.sign_in_links: dict[str, str] = {}
        self.ready_seconds = 0.0

    @property
    def http_url(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def broker_address(self) -> tuple[str, int]:
        """Host and port of the MQTT broker."""
        return self._broker_address

    @property
    def desk_screen_url(self) -> str:
        """The registration desk's own screen, on its edge node."""
        return f"http://127.0.0.1:{self.desk_screen_port}/"

    @property
    def control(self) -> ControlClient:
        """Makes things happen in the simulated world."""
        return ControlClient(self._directory / "world" / "control.sock")

    def start(self) -> None:
        """Start everything and wait until each device answers and each node is heard.

        Raises:
            ServiceError: something did not come up; the message has its last words.
        """
        began = time.monotonic()
        self.insurance.start()
        self._start_sim()
        if self._postgres is not None:
            self._postgres.start()
            self.dsn = self._postgres.create_database()
        if self._broker is not None:
            self._broker.start()
            self._broker_address = (self._broker.host, self._broker.port)
        self.world = self._await_world()
        self._prepare_database()
        self.start_gateway()
        for edge_node in self._site_plan().edge_nodes:
            self.start_agent(edge_node)
        self._await_ready(began)
        self.ready_seconds = time.monotonic() - began
        if self._options.card_station:
            self._start_station()
        if self._options.autoplay:
            self.control.do(do="autoplay", on=True)

    def start_gateway(self) -> None:
        """Start (or start again) the gateway; does not wait for it."""
        config, keys = self._directory / "gateway.toml", self.card_keys
        config.write_text(
            toml_text(
                {
                    "": {
                        "dsn": self.dsn,
                        "base_url": self.http_url,
                        "webhook_url": self._options.webhook_url,
                        "trust_anchor_files": self._anchors(keys),
                    },
                    **keys.gateway_tables(),
                    **self._options.gateway_tables,
                    "mqtt": {"host": self._broker_address[0], "port": self._broker_address[1]},
                    "http": {"host": "127.0.0.1", "port": self.http_port},
                    "insurance": {"url": self.insurance.url},
                }
            )
        )
        self._gateway = self._child("gateway", "gateway", "run", str(config))

    def kill_gateway(self) -> None:
        """End the gateway without warning (SIGKILL)."""
        if self._gateway is not None:
            self._gateway.kill()

    def kill_broker(self) -> None:
        """End the embedded broker without warning; one that was given stays."""
        if self._broker is not None:
            self._broker.kill()

    def start_broker(self) -> None:
        """Start the embedded broker again, where it was."""
        if self._broker is not None:
            self._broker.start()

    def start_agent(self, edge_node: str) -> None:
        """Start (or start again) the agent of one edge node; does not wait for it."""
        config, keys = self._directory / f"{edge_node}.toml", self.card_keys
        is_desk = edge_node == DESK
        tables = edge_config(
            self._site_plan(),
            edge_node,
            state_dir=self._state_dir(edge_node),
            broker=self._broker_of(edge_node),
            trust_anchor_files=self._anchors(keys),
        )
        if is_desk:
            tables["cards"] |= {"desk_keys_file": str(keys.desk_keys), "terminal_keys_file": str(keys.terminal_keys)}
            tables["desk_screen"] = {"port": self.desk_screen_port}
            tables["device"] += self._options.desk_devices
        config.write_text(toml_text(tables))
        self._agents[edge_node] = self._child(edge_node, "edge", "run", str(config), "--log-level", "warning")

    def kill_agent(self, edge_node: str) -> None:
        """End one agent without warning (SIGKILL)."""
        self._agents[edge_node].kill()

    def agent_pids(self) -> dict[str, int]:
        """Process id of each agent."""
        return {name: agent.pid for name, agent in self._agents.items()}

    def rss_mb(self) -> dict[str, float]:
        """Resident memory of each agent, by its edge node's name, and of `gateway`, in MB (10^6 bytes)."""
        children = {**self._agents, **({"gateway": self._gateway} if self._gateway else {})}
        return {name: _rss_mb(child.pid) for name, child in children.items() if child.running}

    def nodes(self) -> list[NodeTally]:
        """What each edge node last said of itself; a node that has said nothing yet is left out."""
        found = (read_node(self._state_dir(edge_node)) for edge_node in self._agents)
        return [node for node in found if node is not None]

    def mend(self) -> Iterator[str]:
        """Look after the children: start again what ended or hangs. Yields one line for each thing mended."""
        if self._broker is not None and not self._broker.answers():
            self._broker.kill()
            self._broker.start()
            yield "the MQTT broker answered nobody and was started again"
        if self._gateway is not None and not self._gateway.running:
            self.start_gateway()
            yield "the gateway had ended and was started again"
        for edge_node, agent in list(self._agents.items()):
            if not agent.running:
                self.start_agent(edge_node)
                yield f"the agent {edge_node} had ended and was started again"

    def settle(self, timeout_s: float = 30.0) -> bool:
        """Stop the silicon, wait until every row is acknowledged, stop the agents. False if rows still wait.

        After this `nodes()` are final figures.
        """
        if self._sim is not None:
            self._sim.stop()
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and any(node.waiting for node in self.nodes()):
            time.sleep(0.2)
        for agent in self._agents.values():
            agent.stop()
        return not any(node.waiting for node in self.nodes())

    def stop(self) -> None:
        """Stop everything that was started, in the order of the data's way. Safe to call twice."""
        for child in [self._sim, self._station, *self._agents.values(), self._gateway]:
            if child is not None:
                child.stop()
        self.insurance.stop()
        if self._broker is not None:
            self._broker.stop()
        if self._postgres is not None:
            self._postgres.stop()

    def _broker_of(self, edge_node: str) -> tuple[str, int]:
        network = self._options.desk_network
        if edge_node != DESK or network is None:
            return self._broker_address
        if self._desk_broker is None:
            self._desk_broker = network(*self._broker_address)
        return self._desk_broker

    @property
    def card_keys(self) -> CardKeyFiles:
        """The files of the card CA and the keys of cards."""
        if self._keys is None:
            self._keys = CardKeyFiles.make(self._directory)
        return self._keys

    def _anchors(self, keys: CardKeyFiles) -> list[str]:
        """Cards that the simulated patients have already, and those that are issued here."""
        return [str(self._directory / "card-ca.pem"), str(keys.anchor)]

    def _start_station(self) -> None:
        """The issuing desk's reader: let in by a one-time link."""
        with psycopg.connect(self.dsn) as connection:
            doer = Doer("issuer", datetime.now(UTC))
            _, link = make_station(connection, "Bàn cấp thẻ", "desk-a", self.http_url, doer)
        self._station = self._child(
            "station",
            *("card", "station", "run", "--link", link, "--json"),
            *("--file", str(self._directory / "station.json"), "--pn532", self.world["paths"]["pn532_station"]),
        )

    def _start_sim(self) -> None:
        world = self._directory / "world"
        world.mkdir(parents=True)
        self._sim = self._child("sim", "sim", "run", "--dir", str(world), "--seed", str(self._options.seed))

    def _await_world(self) -> Mapping[str, Any]:
        path = self._directory / "world" / "world.json"
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while time.monotonic() < deadline:
            with suppress(FileNotFoundError):
                world: Mapping[str, Any] = json.loads(path.read_text())
                return world
            if self._sim is None or not self._sim.running:
                break
            time.sleep(0.02)
        words = self._sim.last_words() if self._sim else ""
        raise ServiceError(f"the simulated silicon did not come up: {words}")

    def _prepare_database(self) -> None:
        """Schema, site and accounts, before the gateway is there."""
        (self._directory / "card-ca.pem").write_text(self.world["card_ca_pem"])
        self._plan = plan_site(self.world, alarm_after_s=self._options.alarm_after_s)
        site_file = self._directory / "site.json"
        site_file.write_text(json.dumps(self._plan.site_file, ensure_ascii=False, indent=1))
        migrate(self.dsn)
        with psycopg.connect(self.dsn) as connection:
            people = People(
                keys_for(connection, self._directory / KEY_FILE_NAME, datetime.now(UTC)), lambda: datetime.now(UTC)
            )
            import_site(connection, load_site_file(site_file), people)
            for username, (display_name, role) in _ACCOUNTS.items():
                create_account(connection, username, display_name, None, [role])
                self.sign_in_links[username] = sign_in_link(connection, username, self.http_url, datetime.now(UTC))

    def _site_plan(self) -> SitePlan:
        if self._plan is None:
            raise ServiceError("the simulated hospital is not started")
        return self._plan

    def _await_ready(self, began: float) -> None:
        deadline = began + _READY_TIMEOUT_S
        missing = "the gateway"
        while time.monotonic() < deadline:
            missing = self._missing()
            if not missing:
                return
            for child in [self._gateway, *self._agents.values()]:
                if child is not None and not child.running:
                    raise ServiceError(f"{' '.join(child.argv[-4:])} ended: {child.last_words()}")
            time.sleep(0.1)
        raise ServiceError(
            f"not ready within {_READY_TIMEOUT_S:.0f} s: still missing {missing}; logs: {self._directory}"
        )

    def _missing(self) -> str:
        try:
            if httpx.get(f"{self.http_url}/api/v1/health", timeout=2).status_code != httpx.codes.OK:
                return "a healthy gateway"
        except httpx.HTTPError:
            return "the gateway"
        nodes = self.nodes()
        if len(nodes) < len(self._agents) or any(not node.connected for node in nodes):
            return "an edge node's connection"
        if any(node.devices_up < node.devices for node in nodes):
            return "a device"
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute("SELECT count(*) FROM edge_node WHERE state = 'up'").fetchone()
        return "" if row and row[0] == len(self._agents) else "an edge node's birth at the gateway"

    def _state_dir(self, edge_node: str) -> Path:
        return self._directory / "state" / edge_node

    def _child(self, name: str, *arguments: str) -> ChildProcess:
        child = ChildProcess([sys.executable, "-m", "medtap", *arguments], log_file=self._directory / f"{name}.log")
        child.start()
        return child


def _rss_mb(pid: int) -> float:
    """VmRSS of a process (proc(5): /proc/[pid]/status, in units of 1024 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    raise ServiceError(f"process {pid} has no resident memory: it has ended")
