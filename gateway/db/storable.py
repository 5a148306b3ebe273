"""What PostgreSQL can keep: neither text nor jsonb holds a NUL character, or half of a surrogate pair."""

import re
from typing import Any, Final

_IMPOSSIBLE: Final = re.compile("[\0\ud800-\udfff]")
"""Half surrogates come out of JSON, which may spell them, and out of bytes that are no UTF-8."""


def storable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The same JSON value with each character that can't be kept replaced (U+FFFD)."""
    if isinstance(value, str):
        return _IMPOSSIBLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {storable(name): storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    return value
