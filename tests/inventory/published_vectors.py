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
    named = os.environ.get("MEDTAP_TEST_VECTORS")
    beside = Path(__file__).resolve().parents[2].parent
    found = [Path(named) / f"{name}.json"] if named else sorted(beside.glob(f"*/vectors/{name}.json"))
    if not found or not found[0].is_file():
        pytest.skip(f"published vectors {name} are not on this machine (MEDTAP_TEST_VECTORS names their directory)")
    vectors: list[dict[str, Any]] = json.loads(found[0].read_text())["vectors"]
    assert vectors
    return vectors


def short_id(vector: dict[str, Any]) -> str:
    """Such as `o014`."""
    return str(vector["id"]).rpartition("-")[2]
