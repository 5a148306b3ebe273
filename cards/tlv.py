"""BER-TLV data objects as cards use them (ISO/IEC 7816-4:2020, clause 6.3; ITU-T X.690, clause 8.1).

Parsing is one level at a time: PIV gives primitive values tags whose bit says "constructed" (30, 34, 3E, 70, FE), so
only the caller knows where to descend. Everything is bounded by the length of what was given.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cards.errors import CardDataError

TAG_BYTES_MAX: Final = 3
"""7816-4, 6.3: tag fields of more than three bytes are reserved."""
LENGTH_BYTES_MAX: Final = 3
"""Bytes after 8x that we take: 83 and 16 MiB are far beyond any card; 84 is refused."""
DEPTH_MAX: Final = 8
"""Nesting of `parse_tree`. The deepest object of any profile here has four levels."""

_CONSTRUCTED: Final = 0x20
_TAG_NUMBER_MASK: Final = 0x1F
_MORE: Final = 0x80


@dataclass(frozen=True)
class Tlv:
    """One data object."""

    tag: int
    """The tag's bytes as one number, such as 0x5F2D."""
    value: bytes

    @property
    def constructed(self) -> bool:
        """What bit 6 of the tag's first byte says; PIV does not keep to it."""
        first = self.tag >> (8 * (_tag_bytes(self.tag) - 1))
        return bool(first & _CONSTRUCTED)

    def encode(self) -> bytes:
        """Tag, shortest length, value."""
        return encode_tlv(self.tag, self.value)


@dataclass(frozen=True)
class Node:
    """A data object with what is inside it, as `parse_tree` reads it."""

    tag: int
    value: bytes
    children: tuple["Node", ...] = ()


def _tag_bytes(tag: int) -> int:
    return max(1, (tag.bit_length() + 7) // 8)


def encode_tlv(tag: int, value: bytes) -> bytes:
    """Tag, shortest length, value.

    Raises:
        ValueError: not a tag that `parse_tlvs` would read back, or a value of 16 MiB and more.
    """
    head = tag.to_bytes(_tag_bytes(tag), "big") if tag >= 0 else b""
    try:
        read, rest = _read_tag(head, 0)
    except CardDataError as error:
        raise ValueError(f"tag {tag!r}: {error}") from None
    if read != tag or rest != len(head):
        raise ValueError(f"tag {tag:X} is not one tag")
    length = len(value)
    if length < _MORE:
        return head + bytes((length,)) + value
    size = (length.bit_length() + 7) // 8
    if size > LENGTH_BYTES_MAX:
        raise ValueError(f"value of {length} bytes: expected less than 2**24")
    return head + bytes((_MORE | size,)) + length.to_bytes(size, "big") + value


def parse_tlvs(data: bytes, *, shortest_lengths: bool = True) -> tuple[Tlv, ...]:
    """The data objects that stand one after the other in `data`, not what is inside them.

    `shortest_lengths=False` takes `81 05` for 5 as well: 7816-4 allows it, DER does not, and some card operating
    systems write every length in three bytes.

    Raises:
        CardDataError: truncated, indefinite length, a length past the end, an overlong tag or length.
    """
    return tuple(_walk(data, shortest_lengths=shortest_lengths))


def _walk(data: bytes, *, shortest_lengths: bool) -> Iterator[Tlv]:
    offset = 0
    while offset < len(data):
        tag, offset = _read_tag(data, offset)
        length, offset = _read_length(data, offset, shortest_lengths=shortest_lengths)
        if length > len(data) - offset:
            raise CardDataError(f"TLV {tag:X}: length {length}, but only {len(data) - offset} bytes follow")
        yield Tlv(tag, data[offset : offset + length])
        offset += length


def parse_one(data: bytes, tag: int, *, shortest_lengths: bool = True) -> bytes:
    """The value of the one data object that `data` must be.

    Raises:
        CardDataError: as `parse_tlvs`, or another tag, or more than one object.
    """
    found = parse_tlvs(data, shortest_lengths=shortest_lengths)
    if len(found) != 1 or found[0].tag != tag:
        raise CardDataError(f"expected one TLV {tag:X}, got {_tags(found)}")
    return found[0].value


def find(objects: Iterable[Tlv], tag: int) -> bytes:
    """The value of the only object of that tag among `objects`.

    Raises:
        CardDataError: none, or more than one.
    """
    objects = tuple(objects)
    values = [each.value for each in objects if each.tag == tag]
    if len(values) != 1:
        raise CardDataError(f"expected TLV {tag:X} once, got {_tags(objects)}")
    return values[0]


def parse_tree(data: bytes, *, depth_max: int = DEPTH_MAX) -> tuple[Node, ...]:
    """Parse and descend wherever the tag says "constructed".

    Raises:
        CardDataError: as `parse_tlvs`, at any level, or nested deeper than `depth_max`.
    """
    if depth_max < 1 and data:
        raise CardDataError("TLV nested too deeply")
    return tuple(
        Node(each.tag, each.value, parse_tree(each.value, depth_max=depth_max - 1) if each.constructed else ())
        for each in parse_tlvs(data)
    )


def _read_tag(data: bytes, offset: int) -> tuple[int, int]:
    start = offset
    if offset >= len(data):
        raise CardDataError("TLV without a tag")
    more = data[offset] & _TAG_NUMBER_MASK == _TAG_NUMBER_MASK
    offset += 1
    while more:
        if offset >= len(data):
            raise CardDataError(f"TLV tag {data[start:].hex()} is cut off")
        if offset - start >= TAG_BYTES_MAX:
            raise CardDataError(f"TLV tag {data[start:offset].hex()}..: expected at most {TAG_BYTES_MAX} bytes")
        more = bool(data[offset] & _MORE)
        offset += 1
    if offset - start > 1 and data[start + 1] & 0x7F == 0:
        # X.690 8.1.2.4.2 c: the first of the further bytes is not zero
        raise CardDataError(f"TLV tag {data[start:offset].hex()} is overlong")
    if offset - start == 2 and data[start + 1] < _TAG_NUMBER_MASK:  # noqa: PLR2004 - a tag of two bytes
        # X.690 8.1.2.2: numbers up to 30 have the short form
        raise CardDataError(f"TLV tag {data[start:offset].hex()} is overlong")
    return int.from_bytes(data[start:offset], "big"), offset


def _read_length(data: bytes, offset: int, *, shortest_lengths: bool) -> tuple[int, int]:
    if offset >= len(data):
        raise CardDataError("TLV without a length")
    first = data[offset]
    offset += 1
    if first < _MORE:
        return first, offset
    size = first & 0x7F
    if size == 0:
        raise CardDataError("TLV of indefinite length: not allowed on cards (7816-4, 6.3)")
    if size > LENGTH_BYTES_MAX:
        raise CardDataError(f"TLV length field {first:02X}: expected at most {LENGTH_BYTES_MAX} length bytes")
    if size > len(data) - offset:
        raise CardDataError("TLV length is cut off")
    length = int.from_bytes(data[offset : offset + size], "big")
    if shortest_lengths and (length < _MORE or length.bit_length() <= 8 * (size - 1)):
        raise CardDataError(f"TLV length {data[offset - 1 : offset + size].hex()} is overlong for {length}")
    return length, offset + size


def _tags(objects: Iterable[Tlv]) -> str:
    return "tags " + " ".join(f"{each.tag:X}" for each in tuple(objects)[:16]) if objects else "nothing"
