"""A GSM/LTE modem on a serial line, by AT commands in PDU mode (3GPP TS 27.005 and 27.007).

One thread reads the line: answers go to the command that waits, everything unasked for (a message came in, a report of
a delivery) to the listener. A line that breaks is opened again at the next command; nothing is kept only in here.
"""

import contextlib
import logging
import queue
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import serial

from gateway.errors import ChannelError
from gateway.pager.sms_pdu import Incoming, PduError, StatusReport, decode, encode

_LOG = logging.getLogger(__name__)
_COMMAND_S: Final = 5.0
_HELLO_S: Final = 2.0
_PROMPT: Final = "> "
_END_OF_MESSAGE: Final = "\x1a"
_CANCEL: Final = "\x1b"
_FINAL: Final = re.compile(r"OK|ERROR|\+CM[ES] ERROR: ?.*|NO CARRIER")
_MESSAGE_CAME: Final = re.compile(r'\+CMTI: ?"[A-Z]+", ?([0-9]+)')
_REPORT_COMES: Final = re.compile(r"\+CDS: ?[0-9]+")
_SENT: Final = re.compile(r"\+CMGS: ?([0-9]+)")
_LISTED: Final = re.compile(r"\+CMGL: ?([0-9]+),.*")
_REGISTERED: Final = re.compile(r"\+C(?:G|E)?REG: ?[0-9]+, ?([0-9]+)")
_AT_HOME: Final = frozenset({"1", "5"})
"""27.007 section 7.2: registered at home, or roaming."""
_SIGNAL: Final = re.compile(r"\+CSQ: ?([0-9]+),")
_UNKNOWN_SIGNAL: Final = 99
_LINE_MAX: Final = 1024
_CAUSES: Final = {
    "+CME ERROR: 10": "no SIM card is in it",
    "+CMS ERROR: 310": "no SIM card is in it",
    "+CMS ERROR: 322": "its memory is full",
    "+CMS ERROR: 331": "no network",
    "+CMS ERROR: 332": "the network does not answer",
    "+CMS ERROR: 500": "unknown error of the network or the SIM (no credit?)",
}
"""27.005 section 3.2.5, 27.007 section 9.2."""


class ModemError(ChannelError):
    """The modem did not take a message; try again later. Says which command failed and why."""


@dataclass(frozen=True)
class ModemState:
    """What it says of itself."""

    registered: bool
    signal: int | None
    """0 to 31 (27.007 section 8.5: -113 dBm and up, 2 dB each); None: not known."""

    @property
    def words(self) -> str:
        """In a line for the page of channels."""
        network = "registered" if self.registered else "no network"
        return network if self.signal is None else f"{network}, signal {self.signal}/31"


class AtModem:
    """One modem. Commands may come from several threads; they are done one after the other."""

    def __init__(
        self,
        path: str,
        *,
        baud_rate: int = 115200,
        pin: str = "",
        answer_s: float = 30.0,
        command_s: float = _COMMAND_S,
        listener: Callable[[Incoming | StatusReport], None] = lambda _: None,
    ) -> None:
        """Opens nothing yet.

        Args:
            path: the serial line's device.
            baud_rate: USB modems take any.
            pin: of the SIM, if it asks for one. It is given once; a wrong one is never tried again.
            answer_s: how long sending a message may take; networks are slow.
            command_s: how long the answer to any other command may take.
            listener: gets what comes in, from the modem's own thread; what it raises is logged, and the message stays
                in the modem's memory to be read again.
        """
        self._path = path
        self._baud_rate = baud_rate
        self._pin = pin
        self._answer_s = answer_s
        self._command_s = command_s
        self._listener = listener
        self._lock = threading.RLock()
        self._line: serial.Serial | None = None
        self._reader: threading.Thread | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._came: queue.Queue[int] = queue.Queue()
        self._report_next = False
        self._reference = 0
        self._pin_refused = False

    def listen(self, listener: Callable[[Incoming | StatusReport], None]) -> None:
        """From now on, hand over what comes in to this one."""
        self._listener = listener

    def send(self, number: str, text: str) -> int:
        """Send a text, in several parts if it is long; the reference that its delivery report will carry.

        Raises:
            ModemError: it was not taken, or not wholly.
        """
        with self._lock:
            self._open()
            self._reference = (self._reference + 1) % 256
            reference = 0
            for segment in encode(number, text, reference=self._reference, want_report=True):
                reference = self._send_one(segment.pdu, segment.tpdu_octets)
            return reference

    def state(self) -> ModemState:
        """Ask for network and signal.

        Raises:
            ModemError: it does not answer.
        """
        with self._lock:
            self._open()
            registered = any(
                (found := _REGISTERED.match(line)) is not None and found[1] in _AT_HOME
                for line in self._command("AT+CREG?")
            )
            signal = None
            for line in self._command("AT+CSQ"):
                found = _SIGNAL.match(line)
                if found is not None and int(found[1]) != _UNKNOWN_SIGNAL:
                    signal = int(found[1])
            return ModemState(registered, signal)

    def fetch(self) -> int:
        """Read every message that lies in the modem, hand it over, then delete it; how many there were.

        Raises:
            ModemError: it does not answer.
        """
        with self._lock:
            self._open()
            while not self._came.empty():
                self._came.get_nowait()
            lines = self._command("AT+CMGL=4", seconds=self._answer_s)
            count = 0
            for header, pdu in pairwise(lines):
                found = _LISTED.match(header)
                if found is not None:
                    self._hand_over(pdu)
                    self._command(f"AT+CMGD={found[1]}")
                    count += 1
            return count

    @property
    def has_news(self) -> bool:
        """Whether a message came in that was not fetched yet."""
        return not self._came.empty()

    def close(self) -> None:
        """Let go of the line."""
        with self._lock:
            self._close()

    def _hand_over(self, pdu: str) -> None:
        try:
            message = decode(pdu)
        except PduError as error:
            _LOG.warning("modem %s: a message that can't be read is deleted: %s", self._path, error)
            return
        self._listener(message)

    def _send_one(self, pdu: str, octets: int) -> int:
        self._forget_late_answers()
        self._write(f"AT+CMGS={octets}\r")
        self._await_prompt()
        self._write(pdu + _END_OF_MESSAGE)
        for line in self._until_final("AT+CMGS", self._answer_s):
            found = _SENT.match(line)
            if found is not None:
                return int(found[1])
        raise ModemError(f"modem {self._path}: AT+CMGS: OK without a reference")

    def _await_prompt(self) -> None:
        deadline = time.monotonic() + self._command_s
        while (line := self._wait(max(deadline - time.monotonic(), 0.0), "AT+CMGS")) != _PROMPT:
            if _FINAL.fullmatch(line):
                self._write(_CANCEL)
                raise self._refused("AT+CMGS", line)

    def _open(self) -> None:
        if self._line is not None and self._reader is not None and self._reader.is_alive():
            return
        self._close()
        try:
            self._line = serial.Serial(self._path, self._baud_rate, timeout=0.2, write_timeout=_COMMAND_S)
        except (OSError, ValueError) as error:
            raise ModemError(f"modem {self._path} can't be opened: {error}; is it plugged in?") from None
        self._answers = queue.Queue()
        self._reader = threading.Thread(
            target=self._read, args=(self._line, self._answers), name="sms-modem", daemon=True
        )
        self._reader.start()
        try:
            self._set_up()
        except ModemError:
            self._close()
            raise

    def _set_up(self) -> None:
        self._write(_CANCEL)  # out of a message that was cut off
        for last in (False, False, True):  # the first command may follow on garbage, or set the modem's baud rate
            try:
                self._command("AT", seconds=min(_HELLO_S, self._command_s))
                break
            except ModemError:
                if last or self._line is None:
                    raise
        self._command("ATE0")
        self._command("AT+CMEE=1")
        if any("SIM PIN" in line for line in self._command("AT+CPIN?")):
            if not self._pin or self._pin_refused:
                raise ModemError(f"modem {self._path}: the SIM asks for its PIN: give pin_file, or mend it")
            self._pin_refused = True  # until it is taken: a third wrong one locks the card
            self._command(f"AT+CPIN={self._pin}")
            self._pin_refused = False
        self._command("AT+CMGF=0")
        # 27.005 section 3.4.1: tell of messages by index, hand over reports at once, keep what comes while we are busy.
        self._command("AT+CNMI=2,1,0,1,0")
        self._came.put(0)  # what came while nobody listened

    def _close(self) -> None:
        line, reader, self._line, self._reader = self._line, self._reader, None, None
        if line is not None:
            with contextlib.suppress(OSError):
                line.close()
        if reader is not None and reader is not threading.current_thread():
            reader.join(timeout=_COMMAND_S)

    def _write(self, text: str) -> None:
        if self._line is None:
            raise ModemError(f"modem {self._path}: the line was lost")
        try:
            self._line.write(text.encode("ascii"))
        except (OSError, serial.SerialException) as error:
            self._close()
            raise ModemError(f"modem {self._path}: the line was lost: {error}") from None

    def _forget_late_answers(self) -> None:
        """Of a command that was given up."""
        while not self._answers.empty():
            if self._answers.get_nowait() is None:
                self._answers.put(None)
                return

    def _command(self, command: str, *, seconds: float | None = None) -> list[str]:
        self._forget_late_answers()
        self._write(f"{command}\r")
        return self._until_final(command, self._command_s if seconds is None else seconds)

    def _until_final(self, command: str, seconds: float) -> list[str]:
        deadline = time.monotonic() + seconds
        lines: list[str] = []
        while True:
            line = self._wait(max(deadline - time.monotonic(), 0.0), command)
            if not _FINAL.fullmatch(line):
                lines.append(line)
            elif line == "OK":
                return lines
            else:
                raise self._refused(command, line)

    def _refused(self, command: str, line: str) -> ModemError:
        shown = command.partition("=")[0]  # behind it may stand the PIN
        return ModemError(f"modem {self._path}: {shown}: {line}: {_CAUSES.get(line, 'refused')}")

    def _wait(self, seconds: float, command: str) -> str:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            shown = command.partition("=")[0]
            raise ModemError(f"modem {self._path}: {shown}: no answer in {seconds:.0f} s") from None
        if line is None:
            self._close()
            raise ModemError(f"modem {self._path}: the line was lost; is it plugged in?")
        return line

    def _read(self, line: serial.Serial, answers: "queue.Queue[str | None]") -> None:
        """The reader's thread: ends with the line."""
        buffer = ""
        try:
            while line.is_open:
                buffer += line.read(max(1, line.in_waiting)).decode("ascii", "replace")
                while "\n" in buffer:
                    text, _, buffer = buffer.partition("\n")
                    self._sort(text.strip("\r\0 "), answers)
                if buffer.lstrip("\r\n\0") == _PROMPT:
                    buffer = ""
                    answers.put(_PROMPT)
                if len(buffer) > _LINE_MAX:
                    buffer = ""  # garbage: no line of a modem is that long
        except (OSError, serial.SerialException, TypeError) as error:
            # TypeError: pyserial's, when the line is closed while it reads.
            _LOG.debug("modem %s: reading ended: %s", self._path, error)
        answers.put(None)

    def _sort(self, text: str, answers: "queue.Queue[str | None]") -> None:
        """An answer for who waits, or something unasked for."""
        came = _MESSAGE_CAME.fullmatch(text)
        if not text or text in {"RING", "RDY", "SMS DONE"}:
            return
        if came is not None:
            self._came.put(int(came[1]))
        elif self._report_next:
            self._report_next = False
            self._take_report(text)
        elif _REPORT_COMES.fullmatch(text):
            self._report_next = True
        else:
            answers.put(text)

    def _take_report(self, pdu: str) -> None:
        try:
            self._hand_over(pdu)
        except Exception:  # noqa: BLE001 - a report that is lost means a second channel, a reader that ends means silence
            _LOG.exception("modem %s: a delivery report could not be stored", self._path)
