"""The way of a command to the card: each concern wraps the next and knows nothing of the others.

CommandChaining -> ResponseChaining -> RightLe -> Wire -> CardConnection
"""

from typing import Final, Protocol

from cards.apdu import SHORT_LC_MAX, SHORT_LE_MAX, CommandApdu, ResponseApdu
from cards.connection import CardConnection
from cards.errors import CardDataError
from cards.status_words import SUCCESS, SW1_MORE_DATA, SW1_WRONG_LE
from cards.traffic import log_command, log_response

ANSWER_BYTES_MAX: Final = 16 * 1024
"""Longest answer collected over GET RESPONSE, in bytes. The largest object of the profiles here (SP 800-73-5 part 1,
table 11: 12.7 kB facial image) fits; a card that says "more" for ever does not."""
GET_RESPONSE_COUNT_MAX: Final = 256
"""Most GET RESPONSE for one command: a card that says "more" and gives nothing ends here."""

_CLA_CHAINING: Final = 0x10
"""Bit 5 of CLA: not the last command of a chain (7816-4, 5.3.3)."""
_INS_GET_RESPONSE: Final = 0xC0


class Processor(Protocol):
    """Takes a command to the card and brings its answer."""

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send, and return the answer whatever its status word.

        Raises:
            CardGoneError: the card or its reader went away.
            CardDataError: what came back is no answer.
        """
        ...


class WireProcessor:
    """Encodes, decodes, logs raw traffic."""

    def __init__(self, connection: CardConnection) -> None:
        """`connection` is open."""
        self._connection = connection

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """One exchange."""
        log_command(command)
        response = ResponseApdu.decode(self._connection.transmit(command.encode()))
        log_response(response)
        return response


class RightLeProcessor:
    """Asks once more with the Le that the card named (6Cxx; 7816-4, table 5)."""

    def __init__(self, inner: Processor) -> None:
        """`inner` sends one command."""
        self._inner = inner

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """One exchange, or two."""
        response = self._inner.transmit(command)
        if response.sw >> 8 != SW1_WRONG_LE:
            return response
        le = response.sw & 0xFF or SHORT_LE_MAX
        return self._inner.transmit(CommandApdu(command.cla, command.ins, command.p1, command.p2, command.data, le))


class ResponseChainingProcessor:
    """Collects an answer that comes in parts (61xx and GET RESPONSE; 7816-4, 5.3.4)."""

    def __init__(self, inner: Processor, answer_bytes_max: int = ANSWER_BYTES_MAX) -> None:
        """`answer_bytes_max`: longest answer, in bytes."""
        self._inner = inner
        self._answer_bytes_max = answer_bytes_max

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """One exchange and as many GET RESPONSE as the card asks for.

        Raises:
            CardDataError: more bytes, or more parts, than allowed.
        """
        response = self._inner.transmit(command)
        collected = bytearray(response.data)
        count = 0
        while response.sw >> 8 == SW1_MORE_DATA:
            count += 1
            if count > GET_RESPONSE_COUNT_MAX or len(collected) > self._answer_bytes_max:
                raise CardDataError(
                    f"answer of {len(collected)} bytes in {count} parts and no end: "
                    f"expected at most {self._answer_bytes_max} bytes in {GET_RESPONSE_COUNT_MAX} parts"
                )
            le = response.sw & 0xFF or SHORT_LE_MAX
            cla = command.cla & ~_CLA_CHAINING
            response = self._inner.transmit(CommandApdu(cla, _INS_GET_RESPONSE, 0, 0, le=le))
            collected += response.data
        if len(collected) > self._answer_bytes_max:
            raise CardDataError(f"answer of {len(collected)} bytes: expected at most {self._answer_bytes_max}")
        return ResponseApdu(bytes(collected), response.sw)


class CommandChainingProcessor:
    """Makes every command short: a long data field becomes a chain (7816-4, 5.3.3), a long Le asks for all there is."""

    def __init__(self, inner: Processor, part_bytes: int = SHORT_LC_MAX) -> None:
        """`part_bytes`: most data bytes in one command, 1 to 255.

        Raises:
            ValueError: `part_bytes` out of range.
        """
        if not 1 <= part_bytes <= SHORT_LC_MAX:
            raise ValueError(f"part_bytes {part_bytes!r}: expected 1 to {SHORT_LC_MAX}")
        self._inner = inner
        self._part_bytes = part_bytes

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send all parts. The answer is the last one's, or that of the first that was refused."""
        rest = command.data
        while len(rest) > self._part_bytes:
            part, rest = rest[: self._part_bytes], rest[self._part_bytes :]
            cla = command.cla | _CLA_CHAINING
            response = self._inner.transmit(CommandApdu(cla, command.ins, command.p1, command.p2, part))
            if response.sw != SUCCESS:
                return response
        le = None if command.le is None else min(command.le, SHORT_LE_MAX)
        return self._inner.transmit(CommandApdu(command.cla, command.ins, command.p1, command.p2, rest, le))


def processor_for(connection: CardConnection) -> Processor:
    """The whole way, with short lengths: every ISO 7816-4 card and every reader can do these."""
    return CommandChainingProcessor(ResponseChainingProcessor(RightLeProcessor(WireProcessor(connection))))
