"""What PostgreSQL can keep: neither text nor jsonb holds a NUL character."""

from typing import Any


def storable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The same JSON value with each NUL character replaced (U+FFFD)."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {storable(name): storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    return value
