"""The peer that is always there: a textbook script on paho-mqtt and psycopg."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

from medtap.bench.ingest_load import Reading
from medtap.bench.peers.peer import NOT_DONE, Workplace, observation_json
from medtap.services.processes import ChildProcess


class PahoScript:
    """`paho_script.py`, in a process of its own."""

    name = "paho script"
    lacks: Sequence[str] = (
        "no acknowledgement to the sender, and the broker's session ends with the script: what it held is lost",
        *NOT_DONE[1:],
    )

    @property
    def version(self) -> str:
        """Of the two libraries."""
        return f"paho-mqtt {version('paho-mqtt')}, psycopg {version('psycopg')}"

    def message(self, topic_root: str, reading: Reading) -> tuple[str, bytes]:
        """One topic for each edge node, one JSON object a message."""
        return f"{topic_root}/node-{reading.node}", observation_json(reading)

    def process(self, workplace: Workplace) -> ChildProcess:
        """The script, not started."""
        return ChildProcess(
            [
                *(sys.executable, "-m", "medtap.bench.peers.paho_script"),
                *(workplace.host, str(workplace.port), workplace.topic_root),
            ],
            log_file=workplace.directory / "paho.log",
            env={"PEER_DSN": workplace.dsn},
        )
