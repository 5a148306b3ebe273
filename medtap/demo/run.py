"""Plays the simulated hospital: ready, running, closing report."""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medtap.demo.hospital import HospitalOptions, SimulatedHospital
from medtap.demo.narrator import Narrator
from medtap.demo.tally import report
from medtap.demo.webhook_receiver import WebhookReceiver
from medtap.services.errors import ServiceError
from medtap.services.ports import is_listening

_MEND_INTERVAL_S: Final = 5.0

Say = Callable[[str], None]
"""Takes one line for the terminal."""


@dataclass(frozen=True)
class DemoOptions:
    """What the `demo` command was asked for."""

    http_port: int
    """0 takes a free one."""
    seed: int
    seconds: float | None
    """How long to play; None: until stopped."""
    quiet: bool
    """True: nothing on the terminal but the closing report."""


def run_demo(options: DemoOptions, stop: threading.Event) -> Mapping[str, Any]:
    """Play until `stop` is set or the time is over; return the closing report. Leaves nothing behind.

    Raises:
        ServiceError: something did not come up, or rows still waited at the end.
    """
    say = _silent if options.quiet else _line
    if options.http_port and is_listening(options.http_port):
        raise ServiceError(f"port {options.http_port} is taken: stop what listens there, or give --port")
    with tempfile.TemporaryDirectory(prefix="medtap-demo-") as directory, WebhookReceiver() as pager:
        hospital = SimulatedHospital(
            HospitalOptions(
                Path(directory), options.seed, http_port=options.http_port, webhook_url=pager.url, card_station=True
            )
        )
        narrator: Narrator | None = None
        try:
            say("medtap demo: starting database, broker, gateway, edge nodes and simulated silicon ...")
            hospital.start()
            _welcome(hospital, say, directory)
            if not options.quiet:
                narrator = Narrator(hospital.dsn, say)
                narrator.start()
            _play(hospital, options.seconds, stop, say)
            if narrator is not None:
                narrator.stop()
            say("stopping: the silicon first, then the rows that still wait ...")
            if not hospital.settle():
                raise ServiceError(f"rows still wait in an outbox after 30 s: {hospital.nodes()}")
            result = report(hospital.dsn, hospital.nodes(), ready_seconds=hospital.ready_seconds)
            for name, value in result.items():
                say(f"  {name}: {value}")
            return result
        finally:
            if narrator is not None:
                narrator.stop()
            hospital.stop()


def _play(hospital: SimulatedHospital, seconds: float | None, stop: threading.Event, say: Say) -> None:
    end = None if seconds is None else time.monotonic() + seconds
    while not stop.is_set() and (end is None or time.monotonic() < end):
        stop.wait(_MEND_INTERVAL_S if end is None else max(0.0, min(_MEND_INTERVAL_S, end - time.monotonic())))
        if not stop.is_set():
            for mended in hospital.mend():
                say(f"demo: {mended}")


def _welcome(hospital: SimulatedHospital, say: Say, directory: str) -> None:
    links = hospital.sign_in_links
    say(f"Ready after {hospital.ready_seconds:.1f} s. Pages: {hospital.http_url}")
    say("Sign in with a one-time link (each works once; open them in separate private windows):")
    say(f"  Dược sĩ / pharmacist:           {links['pharmacist']}")
    say(f"  Quầy đăng ký / registration:    {links['clerk']}")
    say(f"  Phòng khám / clinic:            {links['doctor']}")
    say(f"  Bàn cấp thẻ / card desk:        {links['issuer']}")
    say(f"  Người trực / person on call:    {links['oncall']}")
    say(f"  Quản trị / administrator:       {links['admin']}")
    say(f"The desk's own screen, without the server: {hospital.desk_screen_url}")
    say(f"Make things happen yourself:      {sys.argv[0]} sim do tap patient=3 --dir {directory}/world")
    say("Stop with Ctrl-C. What is happening:")


def _silent(_line_of_text: str) -> None:
    pass


def _line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
