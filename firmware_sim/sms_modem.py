"""A GSM modem on a pseudo-terminal, and the network and telephones behind it (3GPP TS 27.005, 27.007; PDU mode)."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from firmware_sim.sms_pdu import Submitted, make_delivers, make_report, read_submit
from firmware_sim.uart_line import UartLine

_READ_S: Final = 0.05
_ESCAPE: Final = "\x1b"
_SUBMIT: Final = "\x1a"
_STATUS_DELIVERED: Final = 0x00
_STATUS_LOST: Final = 0x46
"""TS 23.040 section 9.2.3.15: SM validity period expired, permanent."""


@dataclass(frozen=True)
class ModemFaults:
    """What is wrong with it; all at once if need be."""

    no_network: bool = False
    """Not registered; sending is refused with +CMS ERROR 331."""
    queue_full: bool = False
    """Its memory is full: +CMS ERROR 322."""
    swallows: bool = False
    """Says OK and delivers nothing: no telephone gets it, no report comes."""
    loses: bool = False
    """Says OK; the service centre reports that it could not be delivered."""
    mute: bool = False
    """Does not answer at all."""
    garbage: bool = False
    """Noise on the line before each answer."""
    slow_s: float = 0.0
    """Each command takes so long."""


@dataclass(frozen=True)
class Sent:
    """A short message that a telephone got, wholly."""

    number: str
    text: str
    parts: int


class SmsModem:
    """Plug it in by making it; `close` it at the end."""

    def __init__(self, path: Path, *, pin: str = "", clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """A modem at `path`; its SIM asks for `pin`, if it has one."""
        self._line = UartLine(path)
        self._pin, self._unlocked = pin, not pin
        self._clock = clock
        self._lock = threading.RLock()
        self._buffer = ""
        self._prompted = False
        self._echo = True
        self._stored: dict[int, str] = {}
        self._parts: dict[tuple[str, int], dict[int, str]] = {}
        self._reference = 0
        self.faults = ModemFaults()
        self.sent: list[Sent] = []
        self.commands: list[str] = []
        self.wrong_pins = 0
        self._stopping = threading.Event()
        self._line.plug()
        self._thread = threading.Thread(target=self._run, name="sms-modem-sim", daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path:
        """What the driver opens."""
        return self._line.path

    def set_faults(self, **faults: bool | float) -> None:
        """From now on; `set_faults()` alone mends everything."""
        self.faults = replace(ModemFaults(), **faults)  # type: ignore[arg-type]  # checked by replace itself

    def unplug(self) -> None:
        """Pull it out: an open line gets an error."""
        self._line.unplug()

    def plug(self) -> None:
        """Put it back; the SIM asks for its PIN again."""
        self._unlocked = not self._pin
        self._buffer, self._prompted, self._echo = "", False, True
        self._line.plug()

    def close(self) -> None:
        """Away with it."""
        self._stopping.set()
        self._line.unplug()
        self._thread.join()
        self._line.close()

    def receive(self, number: str, text: str) -> None:
        """Somebody writes to the modem's number."""
        with self._lock:
            for pdu in make_delivers(number, text, self._clock(), len(self._stored) + 1):
                index = next(at for at in range(1, 1000) if at not in self._stored)
                self._stored[index] = pdu
                self._say(f'+CMTI: "SM",{index}')

    def report(self, number: str, reference: int, status: int = _STATUS_DELIVERED) -> None:
        """The service centre says what became of a message."""
        pdu = make_report(number, reference, status, self._clock())
        with self._lock:
            self._say(f"+CDS: {len(pdu) // 2 - 1}\r\n{pdu}")

    def texts_to(self, number: str) -> list[str]:
        """What this telephone has got."""
        return [sent.text for sent in list(self.sent) if sent.number == number]

    def _say(self, text: str) -> None:
        self._line.write(f"\r\n{text}\r\n".encode("ascii"))

    def _run(self) -> None:
        while not self._stopping.is_set():
            octets = self._line.read(_READ_S)
            if octets:
                self._take(octets)
            elif not self._line.plugged:
                self._stopping.wait(_READ_S)

    def _take(self, octets: bytes) -> None:
        with self._lock:
            for sign in octets.decode("ascii", "replace"):
                if self._prompted:
                    self._take_pdu(sign)
                elif sign == _ESCAPE:
                    self._buffer = ""
                elif sign in "\r\n":
                    command, self._buffer = self._buffer, ""
                    if command:
                        self._answer(command)
                else:
                    self._buffer += sign

    def _take_pdu(self, sign: str) -> None:
        if sign == _ESCAPE:
            self._buffer, self._prompted = "", False
            self._say("OK")
        elif sign == _SUBMIT:
            pdu, self._buffer, self._prompted = self._buffer, "", False
            self._submit(pdu.strip())
        else:
            self._buffer += sign

    def _answer(self, command: str) -> None:
        self.commands.append(command)
        if self.faults.mute:
            return
        if self.faults.slow_s:
            time.sleep(self.faults.slow_s)
        if self.faults.garbage:
            self._line.write(bytes((0xFF, 0x00, 0x55, 0x0A)) + b"\x8d\xe4%&\r\n")
        if self._echo:
            self._line.write(f"{command}\r".encode("ascii", "replace"))
        for pattern, act in self._table().items():
            found = re.fullmatch(pattern, command)
            if found is not None:
                act(*found.groups())
                return
        self._say("ERROR")

    def _table(self) -> dict[str, Callable[..., None]]:
        return {
            r"AT": lambda: self._say("OK"),
            r"ATE([01])": self._set_echo,
            r"AT\+CMEE=1|AT\+CMGF=0|AT\+CNMI=2,1,0,1,0": lambda: self._say("OK"),
            r"AT\+CPIN\?": lambda: self._say(f"+CPIN: {'READY' if self._unlocked else 'SIM PIN'}\r\n\r\nOK"),
            r"AT\+CPIN=(.*)": self._unlock,
            r"AT\+CREG\?": lambda: self._say(f"+CREG: 0,{2 if self.faults.no_network else 1}\r\n\r\nOK"),
            r"AT\+CSQ": lambda: self._say(f"+CSQ: {99 if self.faults.no_network else 21},99\r\n\r\nOK"),
            r"AT\+CMGL=4": self._list,
            r"AT\+CMGD=([0-9]+)": self._delete,
            r"AT\+CMGS=([0-9]+)": self._prompt,
        }

    def _set_echo(self, on: str) -> None:
        self._echo = on == "1"
        self._say("OK")

    def _unlock(self, pin: str) -> None:
        self._unlocked = pin == self._pin
        self.wrong_pins += not self._unlocked
        self._say("OK" if self._unlocked else "+CME ERROR: 16")

    def _list(self) -> None:
        rows = "".join(f"+CMGL: {at},1,,{len(pdu) // 2 - 1}\r\n{pdu}\r\n" for at, pdu in sorted(self._stored.items()))
        self._say(f"{rows}\r\nOK" if rows else "OK")

    def _delete(self, index: str) -> None:
        self._stored.pop(int(index), None)
        self._say("OK")

    def _prompt(self, _octets: str) -> None:
        if not self._unlocked:
            self._say("+CMS ERROR: 311")
        elif self.faults.no_network:
            self._say("+CMS ERROR: 331")
        elif self.faults.queue_full:
            self._say("+CMS ERROR: 322")
        else:
            self._prompted = True
            self._line.write(b"\r\n> ")

    def _submit(self, pdu: str) -> None:
        try:
            submitted = read_submit(pdu)
        except (ValueError, IndexError, KeyError):
            self._say("+CMS ERROR: 304")
            return
        self._reference = (self._reference + 1) % 256
        reference = self._reference
        if not (self.faults.swallows or self.faults.loses):
            self._arrive(submitted)
        self._say(f"+CMGS: {reference}\r\n\r\nOK")
        if submitted.wants_report and not self.faults.swallows:
            self.report(submitted.number, reference, _STATUS_LOST if self.faults.loses else _STATUS_DELIVERED)

    def _arrive(self, submitted: Submitted) -> None:
        """At the telephone, which joins the parts."""
        parts = self._parts.setdefault((submitted.number, submitted.reference), {})
        parts[submitted.part] = submitted.text
        if len(parts) == submitted.parts:
            del self._parts[submitted.number, submitted.reference]
            text = "".join(parts[part] for part in sorted(parts))
            self.sent.append(Sent(submitted.number, text, submitted.parts))
