"""Published test vectors, where a directory of them stands beside the checkout or is named by MEDTAP_TEST_VECTORS.

They are large and not part of the project; what a test always needs is retyped in it, with the source named.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest


def load_vectors(name: str) -> list[dict[str, Any]]:
    """The vectors of a set; the test is skipped where they are absent."""
    vectors: list[dict[str, Any]] = json.loads(find_vectors(f"{name}.json").read_text())["vectors"]
    assert vectors
    return vectors


def find_vectors(name: str) -> Path:
    """A file or directory of the published vectors; the test is skipped where it is absent."""
    named = os.environ.get("MEDTAP_TEST_VECTORS")
    beside = Path(__file__).resolve().parents[2].parent
    found = [Path(named) / name] if named else sorted(beside.glob(f"*/vectors/{name}"))
    if not found or not found[0].exists():
        pytest.skip(f"published vectors {name} are not on this machine (MEDTAP_TEST_VECTORS names their directory)")
    return found[0]


def short_id(vector: dict[str, Any]) -> str:
    """Such as `o014`."""
    return str(vector["id"]).rpartition("-")[2]
