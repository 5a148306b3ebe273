"""CBOR (RFC 8949) read without trust: bounded, plain types only, and in one form only where that is asked for."""

from collections.abc import Mapping
from typing import Any, Final

import cbor2

from cards.errors import CardDataError

BYTES_MAX: Final = 8 * 1024
"""Far above anything on a card."""
DEPTH_MAX: Final = 8
_INTEGER_BITS: Final = 64


class CoseError(CardDataError):
    """Data that are not what COSE says they should be."""


def encode(value: Any) -> bytes:  # noqa: ANN401 - whatever CBOR can say
    """Deterministic encoding (RFC 8949, 4.2)."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes, *, exact: bool = True) -> Any:  # noqa: ANN401 - whatever CBOR can say
    """One data item of integers, texts, byte strings, arrays, maps, truth values, null, and tags around them.

    Keys of maps are integers or texts. `exact=False` takes other forms of the same value, as other issuers write them.

    Raises:
        CoseError: too long, too deep, malformed, indefinite lengths, a key twice, another type, something behind it;
            and if `exact`, not the deterministic form.
    """
    if len(data) > BYTES_MAX:
        raise CoseError(f"CBOR of {len(data)} bytes: expected at most {BYTES_MAX}")
    try:
        value = cbor2.loads(data, max_depth=DEPTH_MAX, allow_indefinite=False, allow_duplicate_keys=False)
        again = encode(value)
    except Exception as error:  # noqa: BLE001 - hostile input: the library's decoders of tags raise what they like
        raise CoseError(f"CBOR beginning {data[:16].hex()!r}: {error!s:.100}") from None
    if exact and again != data:
        raise CoseError(f"CBOR of {len(data)} bytes is not in deterministic form, or something follows it")
    return _plain(value)


def _plain(value: object) -> Any:  # noqa: ANN401 - what it was given
    """The same, of plain types: within tags the library gives tuples and frozen maps."""
    match value:
        case cbor2.CBORTag():
            return cbor2.CBORTag(value.tag, _plain(value.value))
        case list() | tuple():
            return [_plain(member) for member in value]
        case Mapping():
            return {_key(key): _plain(member) for key, member in value.items()}
        case int():
            if value.bit_length() > _INTEGER_BITS:
                raise CoseError(f"CBOR integer of {value.bit_length()} bits: expected at most {_INTEGER_BITS}")
            return value
        case str() | bytes() | None:
            return value
    raise CoseError(f"CBOR holds a {type(value).__name__}: expected integers, texts, bytes, arrays and maps")


def _key(key: object) -> object:
    if isinstance(key, bool) or not isinstance(key, int | str):
        raise CoseError(f"CBOR map with a {type(key).__name__} as key: expected integers and texts")
    return _plain(key)
