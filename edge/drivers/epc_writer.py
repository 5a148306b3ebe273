"""Writes an EPC into a UHF tag through an LLRP reader, and reads it back before saying so.

Not a driver: one job for one person with one label before the reader, while the agent does not use that reader.
llrpkit carries it out as AccessSpecs (C1G2Read, C1G2Write). Its own `write_epc` is not used: that leaves the
protocol-control word alone, so that an EPC of another length would be cut or continued by what was there before.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final

from llrpkit import Reader
from llrpkit.exceptions import LLRPError, LLRPTimeoutError

from edge.drivers.driver import DeviceLostError

_WAIT_S: Final = 10.0
"""For the first label to be seen."""
_LOOK_S: Final = 1.0
"""And so long for others: an inventory of a few labels takes 0.1 s, a label that is badly seen gets several chances."""
_LOOK_REPORTS: Final = 20
"""At least so many reports, so that a slow reader or a busy machine had time for several rounds."""
_LOOK_MAX_S: Final = 30.0
_ACCESS_S: Final = 10.0
_ANSWER_S: Final = 10.0
_PC_WORD: Final = 1
"""EPC bank: word 0 is the CRC, word 1 the protocol control, the EPC follows (Gen2 2.1, 6.3.2.1.2)."""
_LENGTH_SHIFT: Final = 11
"""Length of the EPC in words: the five highest bits of the protocol-control word."""
_EPC_BYTES: Final = range(2, 63, 2)
_HINTS: Final = {
    "Tag_Memory_Overrun_Error": "its EPC memory is too small (SGTIN-198 needs 208 bits, most labels have 128):"
    " take a numeric serial number, or labels with more memory",
    "Tag_Memory_Locked_Error": "its EPC memory is locked: take another label",
    "Insufficient_Power": "it got too little power: lay it closer to the antenna",
    "No_Response_From_Tag": "it did not answer: lay it closer to the antenna, away from metal",
}


class EpcWriteError(Exception):
    """The tag does not hold what it should. The message tells what is seen now, as far as that is known."""


@dataclass(frozen=True)
class EpcWritten:
    """What was written, and read back equal; both as lower-case hexadecimal digits."""

    epc: str
    replaced: str


def write_epc(
    host: str, port: int, epc: str, *, target: str = "", access_password: int = 0, wait_s: float = _WAIT_S
) -> EpcWritten:
    """Write `epc` (hexadecimal digits, whole words of 16 bits) into the tag `target`, or into the only one there is.

    `wait_s`: seconds to wait for a tag to come into sight.

    Raises:
        EpcWriteError: no tag, several without `target`, refused by the tag, or it doesn't read back as written.
        DeviceLostError: no connection to the reader, or it was lost.
        ValueError: `epc` or `target` is no EPC.
    """
    new, old = _parse(epc, "epc"), _parse(target, "target") if target else b""
    try:
        return asyncio.run(_run(host, port, new, old, access_password, wait_s))
    except LLRPTimeoutError as error:
        raise EpcWriteError(f"{error}; lay the label closer to the antenna and look what it holds") from error
    except (LLRPError, OSError) as error:
        raise DeviceLostError(
            f"LLRP reader {host}:{port}: {error}; check power and network, and that no agent holds it"
        ) from error


def _parse(text: str, name: str) -> bytes:
    try:
        epc = bytes.fromhex(text)
    except ValueError:
        epc = b""
    if len(epc) not in _EPC_BYTES:
        raise ValueError(f"{name} {text!r}: expected 1 to 31 words of four hexadecimal digits")
    return epc


async def _run(host: str, port: int, new: bytes, target: bytes, password: int, wait_s: float) -> EpcWritten:  # noqa: PLR0917 - one caller
    async with Reader(host, port, response_timeout=_ANSWER_S, connect_timeout=_ANSWER_S) as reader:
        old = _choose(await _look(reader, wait_s), new, target)
        if old != new:
            await _write(reader, old, new, password)
        await _read_back(reader, new, password)
    return EpcWritten(new.hex(), old.hex())


async def _look(reader: Reader, wait_s: float) -> set[bytes]:
    """The EPCs of all tags before all antennas; returns empty if none came within `wait_s` seconds."""
    loop = asyncio.get_running_loop()
    seen: set[bytes] = set()
    reports = 0
    first_at = 0.0
    inventory = reader.inventory(duration=wait_s + _LOOK_MAX_S)
    async with contextlib.aclosing(inventory):
        try:
            async with asyncio.timeout(wait_s) as patience:
                async for tag in inventory:
                    if not seen:
                        first_at = loop.time()
                        patience.reschedule(first_at + _LOOK_MAX_S)
                    seen.add(tag.epc)
                    reports += 1
                    if reports >= _LOOK_REPORTS and loop.time() - first_at >= _LOOK_S:
                        break
        except TimeoutError:
            pass
    return seen


def _choose(seen: set[bytes], new: bytes, target: bytes) -> bytes:
    """Which tag is meant: never one of several by chance, and never a second one with the same EPC."""
    listed = ", ".join(sorted(epc.hex() for epc in seen)) or "none"
    if target and target not in seen:
        raise EpcWriteError(f"tag {target.hex()} is not before the reader; there are: {listed}")
    if not target and len(seen) != 1:
        raise EpcWriteError(f"{len(seen)} tags before the reader ({listed}): expected one, or name the one meant")
    old = target or next(iter(seen))
    alike = [epc.hex() for epc in seen if epc != old and epc.startswith(old)]
    if alike:
        raise EpcWriteError(
            f"{', '.join(alike)} begins like {old.hex()}: a reader can't tell them apart, take one away"
        )
    if new in seen and new != old:
        raise EpcWriteError(f"another tag before the reader is {new.hex()} already: two would be one pack")
    return old


async def _write(reader: Reader, old: bytes, new: bytes, password: int) -> None:
    """Length and EPC in one operation, so that the tag is never asked for half an EPC in between."""
    control = (len(new) // 2 << _LENGTH_SHIFT).to_bytes(2, "big")
    done = await reader.write_memory(
        bank="epc",
        word_pointer=_PC_WORD,
        data=control + new,
        target_epc=old,
        access_password=password,
        timeout=_ACCESS_S,
    )
    if not done.ok:
        hint = _HINTS.get(done.status, "the reader says no more")
        now = ", ".join(sorted(epc.hex() for epc in await _look(reader, _WAIT_S))) or "none"
        raise EpcWriteError(
            f"tag {old.hex()} refused after {done.words_written or 0} of {len(new) // 2 + 1} words"
            f" ({done.status}): {hint}; tags seen now: {now}"
        )


async def _read_back(reader: Reader, new: bytes, password: int) -> None:
    """Its memory word by word, and what it answers an inventory with."""
    words = len(new) // 2
    read = await reader.read_memory(
        bank="epc",
        word_pointer=_PC_WORD,
        word_count=1 + words,
        target_epc=new,
        access_password=password,
        timeout=_ACCESS_S,
    )
    data = read.data or b""
    length = data[0] >> 3 if data else 0
    if not read.ok or length != words or data[2:] != new:
        raise EpcWriteError(f"reads back as {data.hex() or read.status}: expected {new.hex()}; take another label")
    if new not in await _look(reader, _WAIT_S):
        raise EpcWriteError(f"{new.hex()} was written, but is not seen by an inventory: lay the label closer")
