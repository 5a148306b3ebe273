"""A contactless card around any APDU card: activation and half-duplex block protocol (ISO/IEC 14443-4, "ISO-DEP")."""

import math

from firmware_sim.apdu_server import ApduCard
from firmware_sim.field import RfAnswer

_FRAME_BYTES = (16, 24, 32, 40, 48, 64, 96, 128, 256)  # section 5.2.3 table 1: FSCI and FSDI to bytes
_BLOCK_OVERHEAD_BYTES = 3  # one byte PCB, two bytes CRC
_CARRIER_HZ = 13.56e6
_WTX_SHARE = 0.8  # ask for more time before the frame waiting time is over
_WTXM_MAX = 10  # the standard allows 59; PN532 can't wait longer than 3.3 s for one frame

_RATS, _HLTA, _PPSS = 0xE0, 0x50, 0xD0


class IsoDepTag:
    """One card in the field. `fsci` sets how large frames it takes, `fwi` how long a reader must wait for it."""

    atqa = 0x0344  # two-size UID; a card of NXP's JCOP family answers so
    sak = 0x20

    def __init__(self, card: ApduCard, *, fsci: int = 8, fwi: int = 8) -> None:
        """Wrap `card`.

        Raises:
            ValueError: `fsci` above 8 or `fwi` above 14 (reserved values).
        """
        if not 0 <= fsci < len(_FRAME_BYTES) or not 0 <= fwi <= 14:  # noqa: PLR2004 - section 5.2.5
            raise ValueError(f"answer to select: got fsci={fsci!r} fwi={fwi!r}, expected fsci 0 to 8, fwi 0 to 14")
        self._card = card
        self._frame_waiting_time_s = 4096 / _CARRIER_HZ * 2**fwi  # section 7.2
        # Section 5.2: TL, T0 (TA, TB, TC follow), TA 106 kbit/s only, TB FWI and SFGI, TC neither NAD nor CID.
        body = bytes([0x70 | fsci, 0x80, fwi << 4 | 1, 0x00]) + _historical_bytes(card.atr)
        self._ats = bytes([len(body) + 1]) + body
        self.power_off()

    @property
    def card(self) -> ApduCard:
        """The card inside."""
        return self._card

    @property
    def uid(self) -> bytes:
        """The card's."""
        return self._card.uid

    def power_off(self) -> None:
        """Back to IDLE; the card inside loses power too."""
        self._selected = False
        self._card.reset()
        self._start_protocol(activated=False, frame_bytes_max=0)

    def select(self) -> None:
        """To ACTIVE: waits for RATS."""
        self.power_off()
        self._selected = True

    def _start_protocol(self, *, activated: bool, frame_bytes_max: int) -> None:
        self._activated = activated
        self._inf_bytes_max = max(frame_bytes_max - _BLOCK_OVERHEAD_BYTES, 1)
        self._block_number = 1  # section 7.5.4.2 rule C
        self._received = b""
        self._to_send: list[bytes] = []
        self._last = b""
        self._thinking_s = self._granted_s = 0.0
        self._mute = False

    def exchange(self, frame: bytes) -> RfAnswer | None:  # noqa: PLR0911 - one return per kind of block
        """One frame from the reader."""
        if not self._selected or not frame or self._mute:
            return None
        if not self._activated:
            return self._activate(frame)
        pcb = frame[0]
        if pcb & 0xE2 == 0x02:  # noqa: PLR2004 - I-block (section 7.1.1.1)
            return self._information(pcb, frame[1:])
        if pcb & 0xE6 == 0xA2:  # noqa: PLR2004 - R-block
            return self._receive_ready(pcb)
        if pcb == 0xF2 and len(frame) == 2 and self._to_send:  # noqa: PLR2004 - S(WTX) response
            return self._send_when_ready()
        if pcb == 0xC2:  # noqa: PLR2004 - S(DESELECT)
            self._selected = self._activated = False
            return RfAnswer(b"\xc2")
        if pcb == _PPSS and len(frame) >= 2:  # noqa: PLR2004 - section 5.3: only before the first block, at 106 kbit/s
            return RfAnswer(frame[:1])
        return None

    def _activate(self, frame: bytes) -> RfAnswer | None:
        if frame[0] != _RATS or len(frame) != 2:  # noqa: PLR2004 - section 5.1
            self._selected = False
            return None
        fsdi = min(frame[1] >> 4, len(_FRAME_BYTES) - 1)
        self._start_protocol(activated=True, frame_bytes_max=_FRAME_BYTES[fsdi])
        return RfAnswer(self._ats)

    def _information(self, pcb: int, inf: bytes) -> RfAnswer | None:
        self._block_number ^= 1  # rule D
        self._received += inf
        if pcb & 0x10:  # chaining: more follows
            self._last = bytes([0xA2 | self._block_number])
            return RfAnswer(self._last)
        command, self._received = self._received, b""
        response = self._card.apdu(command)
        if response is None:
            self._mute = True
            return None
        step = self._inf_bytes_max
        self._to_send = [response[i : i + step] for i in range(0, len(response), step)] or [b""]
        self._thinking_s = self._card.latency_s
        self._granted_s = self._frame_waiting_time_s * _WTX_SHARE
        return self._send_when_ready()

    def _send_when_ready(self) -> RfAnswer:
        """The first block of the answer; or S(WTX) while the card is still thinking (section 7.3)."""
        after_s = min(self._thinking_s, self._granted_s)
        self._thinking_s -= after_s
        if not self._thinking_s:
            return RfAnswer(self._next_block(), after_s=after_s)
        unit_s = self._frame_waiting_time_s * _WTX_SHARE
        multiplier = min(_WTXM_MAX, math.ceil(self._thinking_s / unit_s))
        self._granted_s = unit_s * multiplier
        return RfAnswer(bytes([0xF2, multiplier]), after_s=after_s)

    def _next_block(self) -> bytes:
        inf = self._to_send.pop(0)
        self._last = bytes([0x02 | (0x10 if self._to_send else 0) | self._block_number]) + inf
        return self._last

    def _receive_ready(self, pcb: int) -> RfAnswer | None:
        if pcb & 1 == self._block_number:  # rule 11: the reader did not get the last block
            return RfAnswer(self._last) if self._last else None
        if pcb & 0x10:  # rule 12: R(NAK) out of turn is the presence check
            return RfAnswer(bytes([0xA2 | self._block_number]))
        if not self._to_send:
            return None
        self._block_number ^= 1  # rule E
        return RfAnswer(self._next_block())


def _historical_bytes(atr: bytes) -> bytes:
    """PC/SC builds the ATR of a contactless card as 3B 8n 80 01, n historical bytes, check byte; take them back out."""
    return atr[4:-1]
