"""Reading and writing the EPC binary schemes of TDS 1.x, by the tables of `epc_schemes`."""

import re
from dataclasses import dataclass

from inventory.epc_bits import BitReader, BitWriter
from inventory.epc_schemes import (
    GIAI_CHARACTERS_MAX,
    GIAI_DIGITS_MAX,
    PREFIX_BITS,
    PREFIX_DIGITS_MAX,
    Scheme,
    Tail,
)
from inventory.errors import EpcError


@dataclass(frozen=True)
class BinaryEpc:
    """The fields of a tag, as its URI has them."""

    scheme: Scheme
    filter_value: int
    fields: tuple[str, ...]
    """Company prefix, reference, and what the scheme has behind them."""


def read(scheme: Scheme, bits: BitReader) -> BinaryEpc:
    """Take the fields of `scheme`; the header is already taken.

    Raises:
        EpcError: the bits say something that the scheme cannot mean.
    """
    filter_value, partition = bits.take(3), bits.take(3)
    if partition >= len(PREFIX_BITS):
        raise EpcError("partition", f"{scheme.name}: partition {partition}, expected 0 to {len(PREFIX_BITS) - 1}")
    prefix_digits = PREFIX_DIGITS_MAX - partition
    prefix = _to_digits(bits.take(PREFIX_BITS[partition]), prefix_digits, f"{scheme.name}: company prefix")
    reference_bits = scheme.reference_bits[partition]
    if scheme.reference_is_string:
        reference = bits.take_string(reference_bits)
    elif scheme.digits:
        name = f"{scheme.name}: reference"
        reference = _to_digits(bits.take(reference_bits), scheme.reference_digits(partition), name)
    else:
        reference = str(bits.take(reference_bits))
    tails = [_read_tail(tail, bits, scheme.name) for tail in scheme.tails]
    bits.require_zeros()
    fields = (prefix, reference, *(text for text in tails if text is not None))
    _check_reference(scheme, partition, reference)
    return BinaryEpc(scheme, filter_value, fields)


def write(epc: BinaryEpc) -> str:
    """Upper-case hexadecimal digits, in whole words.

    Raises:
        EpcError: a field that the scheme has no room for.
    """
    scheme, (prefix, reference, *rest) = epc.scheme, epc.fields
    partition = PREFIX_DIGITS_MAX - len(prefix)
    if not 0 <= partition < len(PREFIX_BITS):
        raise EpcError("length", f"{scheme.name}: company prefix {prefix!r}, expected 6 to 12 digits")
    _require_number(prefix, f"{scheme.name}: company prefix")
    _check_reference(scheme, partition, reference)
    bits = BitWriter()
    bits.put(scheme.header, 8, "header")
    bits.put(epc.filter_value, 3, "filter")
    bits.put(partition, 3, "partition")
    bits.put(int(prefix), PREFIX_BITS[partition], "company prefix")
    if scheme.reference_is_string:
        bits.put_string(reference, scheme.reference_bits[partition], "reference")
    else:
        bits.put(int(reference or "0"), scheme.reference_bits[partition], "reference")
    values = iter(rest)
    for tail in scheme.tails:
        _write_tail(tail, bits, "" if tail.kind == "zeros" else next(values), scheme.name)
    return bits.to_hex()


def _check_reference(scheme: Scheme, partition: int, reference: str) -> None:
    if scheme.reference_is_string:
        most = GIAI_CHARACTERS_MAX[partition]
        if not 1 <= len(reference) <= most:
            raise EpcError("length", f"{scheme.name}: reference {reference!r}, expected 1 to {most} characters")
        return
    if scheme.digits:
        digits = scheme.reference_digits(partition)
        if len(reference) != digits or (digits and not _is_digits(reference)):
            raise EpcError("length", f"{scheme.name}: reference {reference!r}, expected {digits} digits")
        return
    most = GIAI_DIGITS_MAX[partition]
    if not is_plain_number(reference) or len(reference) > most:
        text = f"{scheme.name}: reference {reference!r}, expected a number of at most {most} digits, no leading zero"
        raise EpcError("range", text)


def _read_tail(tail: Tail, bits: BitReader, name: str) -> str | None:
    match tail.kind:
        case "number":
            return str(bits.take(tail.bits))
        case "string":
            return bits.take_string(tail.bits)
        case "two_digits":
            return _to_digits(bits.take(tail.bits), 2, f"{name}: piece")
        case "digits":
            marked = str(bits.take(tail.bits))
            if not marked.startswith("1") or not 1 < len(marked) <= tail.digits_max + 1:
                raise EpcError("range", f"{name}: serial {marked!r}, expected 1 to {tail.digits_max} digits after a 1")
            return marked[1:]
        case "zeros":
            if bits.take(tail.bits):
                raise EpcError("content", f"{name}: its last {tail.bits} bits are not zero")
            return None


def _write_tail(tail: Tail, bits: BitWriter, text: str, name: str) -> None:
    match tail.kind:
        case "number":
            if not is_plain_number(text):
                hint = "use the longer encoding for letters and leading zeros"
                raise EpcError("range", f"{name}: serial {text!r} is not a number without leading zeros; {hint}")
            bits.put(int(text), tail.bits, f"{name}: serial")
        case "string":
            bits.put_string(text, tail.bits, f"{name}: serial")
        case "two_digits":
            if re.fullmatch(r"[0-9]{2}", text) is None:
                raise EpcError("range", f"{name}: piece {text!r}, expected two digits")
            bits.put(int(text), tail.bits, f"{name}: piece")
        case "digits":
            if not (_is_digits(text) and len(text) <= tail.digits_max):
                raise EpcError("range", f"{name}: serial {text!r}, expected 1 to {tail.digits_max} digits")
            bits.put(int("1" + text), tail.bits, f"{name}: serial")
        case "zeros":
            bits.put(0, tail.bits, "padding")


def is_plain_number(text: str) -> bool:
    """A number written without leading zeros."""
    return re.fullmatch(r"0|[1-9][0-9]*", text) is not None


def _is_digits(text: str) -> bool:
    return re.fullmatch(r"[0-9]+", text) is not None


def _require_number(text: str, name: str) -> None:
    if not _is_digits(text):
        raise EpcError("character", f"{name} {text!r} is not digits")


def _to_digits(number: int, digits: int, name: str) -> str:
    if number >= 10**digits:
        raise EpcError("range", f"{name} {number} has more than {digits} digits")
    return f"{number:0{digits}}" if digits else ""
