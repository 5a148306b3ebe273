"""The pager of a running gateway, from the terminal: who is on call, a test, a drill that a telephone answers."""

import json
import re
import threading
from datetime import UTC, datetime, time
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from typer.testing import CliRunner, Result

from firmware_sim.sms_modem import SmsModem
from gateway.bootstrap import Gateway
from gateway.config import load
from gateway.pager.rota import Layer
from gateway.pager.schedule import Writer, add_layer
from gateway.services.accounts import create_account
from medtap.cli.app import app
from medtap.services.broker import EmbeddedBroker

pytestmark = pytest.mark.integration

NUMBER = "+84901000001"


def _run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["pager", *arguments])
    assert done.exit_code == code, done.output
    return done


class Telephone(threading.Thread):
    """Answers the first page that it gets, like somebody who has seen to it."""

    def __init__(self, modem: SmsModem) -> None:
        super().__init__(name="telephone", daemon=True)
        self._modem = modem
        self.stopping = threading.Event()

    def run(self) -> None:
        """Look at the display until there is a page."""
        while not self.stopping.wait(0.05):
            drills = (re.match(r"\[DIỄN TẬP\] #([0-9]{4})", text) for text in self._modem.texts_to(NUMBER))
            found = next((each for each in drills if each is not None), None)
            if found is not None:
                self._modem.receive(NUMBER, f"ACK {found[1]} diễn tập, tôi nghe máy")
                return


@pytest.mark.timeout(400)
def test_a_drill_from_the_terminal_is_answered_by_a_telephone(
    postgres_dsn: str, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    modem = SmsModem(tmp_path / "modem")
    (tmp_path / "heartbeat.key").write_text("k" * 32)
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'dsn = "{postgres_dsn}"\n[http]\nport = 0\n[pager.heartbeat]\nkey_file = "heartbeat.key"\n'
        f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\nclient_id = "drill-{uuid4().hex[:8]}"\n'
        f'[[pager.channel]]\nname = "sms"\nkind = "sms_modem"\npath = "{modem.path}"\nreceipt = "delivered"\n'
    )
    config = str(file)
    gateway = Gateway(load(file))
    telephone = Telephone(modem)
    try:
        gateway.start()
        now = datetime.now(UTC)
        with psycopg.connect(postgres_dsn) as connection:
            create_account(connection, "an", "An", None, ["on_call"])
        assert "level 1: NOBODY" in _run("who", config, code=1).output
        _run("contact", config, "an", "sms", "0901 000 001")
        with psycopg.connect(postgres_dsn) as connection:
            layer = Layer(
                layer_id=uuid4(), name="trực", level=1, members=("an",), first_day=now.date(), hand_over_at=time(0)
            )
            add_layer(connection, layer, ["an"], Writer("boss", now))
            connection.execute("UPDATE rota_layer SET first_day = first_day - 2")
        assert json.loads(_run("who", config, "--json").output)["on_call"][0]["phones"] == [NUMBER]
        assert "an" in _run("schedule", "show", config, "--days", "3").output
        assert json.loads(_run("test", config, "sms", "--username", "an", "--timeout-s", "120", "--json").output)[
            "taken"
        ]
        assert modem.texts_to(NUMBER)[0].startswith("[THỬ] medtap")
        telephone.start()
        done = json.loads(_run("drill", config, "--json", "--timeout-s", "200").output)
        assert done["state"] == "passed"
        assert all(done["seconds"][step] is not None for step in ("judged", "paged", "handed", "acknowledged"))
        assert json.loads(_run("status", config, "--json").output)["channels"]["sms"] == "ok"
        (tmp_path / "watch.toml").write_text(
            f'gateway_url = "{gateway.http_url}"\nkey_file = "heartbeat.key"\nname = "edge-1"\n'
            '[[channel]]\nname = "log2"\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\n[[page]]\nchannel = "log2"\n'
        )
        assert _run("watch", str(tmp_path / "watch.toml"), "--once").output == "well\n"
    finally:
        telephone.stopping.set()
        gateway.stop()
        modem.close()
    assert _run("watch", str(tmp_path / "watch.toml"), "--once", code=1).output == "silent\n"
