"""collectd as a peer: its mqtt plugin reads, its postgresql plugin writes, each value in a transaction of its own."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from medtap.bench.ingest_load import Reading
from medtap.bench.peers.peer import NOT_DONE, Missing, Workplace
from medtap.services.processes import ChildProcess

_CONFIG: Final = """\
Hostname "medtap-bench"
FQDNLookup false
BaseDir "{directory}"
PIDFile "{directory}/collectd.pid"
LoadPlugin logfile
LoadPlugin mqtt
LoadPlugin postgresql
<Plugin logfile>
  LogLevel warning
  File STDERR
</Plugin>
<Plugin mqtt>
  <Subscribe "bench">
    Host "{mqtt_host}"
    Port {mqtt_port}
    ClientId "{topic_root}"
    Topic "{topic_root}/#"
    QoS 1
  </Subscribe>
</Plugin>
<Plugin postgresql>
  <Writer rows>
    Statement "INSERT INTO peer_reading (device, occurred_at, temperature_celsius) \
SELECT $2 || '/' || $3 || '-' || $4, $1::timestamptz, ($9::float8[])[1] \
FROM (SELECT $5::text, $6::text, $7::text[], $8::text[]) AS not_needed"
  </Writer>
  <Database "{dbname}">
    Host "{host}"
    Port "{port}"
    User "{user}"
    Password "{password}"
    SSLMode "disable"
    Writer rows
  </Database>
</Plugin>
"""
"""collectd.conf(5). No `CommitInterval`: its default is a transaction for each value. No queue limit, as by default, so
that nothing is dropped on purpose; `WriteThreads` is left at 5. PostgreSQL wants each of the nine parameters typed."""


@dataclass(frozen=True)
class Collectd:
    """The installed daemon, in the foreground, with a configuration of its own."""

    program: str
    version: str
    name: str = "collectd mqtt -> postgresql"
    lacks: Sequence[str] = (*NOT_DONE, "no bounded queue unless limits are set, and then it drops")

    def message(self, topic_root: str, reading: Reading) -> tuple[str, bytes]:
        """Host/plugin-instance/type and `time:value`, the only form that its mqtt plugin reads."""
        topic = f"{topic_root}/node-{reading.node}/probe-{reading.device}/temperature"
        return topic, f"{reading.occurred_at.timestamp():.6f}:{reading.temperature_celsius!r}".encode()

    def process(self, workplace: Workplace) -> ChildProcess:
        """The daemon, not started."""
        database = conninfo_to_dict(workplace.dsn)
        config = workplace.directory / "collectd.conf"
        config.touch(mode=0o600)
        config.write_text(
            _CONFIG.format(
                directory=workplace.directory,
                mqtt_host=workplace.host,
                mqtt_port=workplace.port_v4,
                topic_root=workplace.topic_root,
                **{key: database[key] for key in ("dbname", "host", "port", "user", "password")},
            )
        )
        return ChildProcess([self.program, "-f", "-C", str(config)], log_file=workplace.directory / "collectd.log")


def find_collectd() -> Collectd | Missing:
    """The daemon on this machine, if any."""
    program = shutil.which("collectd") or shutil.which("collectd", path="/usr/sbin:/usr/local/sbin:/opt/collectd/sbin")
    if program is None:
        return Missing(
            Collectd.name,
            "there is no collectd on PATH",
            "apt-get install --no-install-recommends collectd-core libmosquitto1 libpq5",
        )
    words = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - found above
    found = re.search(r"^collectd (\S+?),", words, re.MULTILINE)
    return Collectd(program, f"collectd {found.group(1) if found else 'of an unknown version'}")
