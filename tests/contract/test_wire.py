"""The wire does not move: golden files, the AsyncAPI document, and what importing the contracts loads."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from edge.contracts import asyncapi, observations
from edge.contracts.frame import decode_frame
from edge.contracts.observations import OBSERVATION, GapDeclared
from edge.contracts.sealed import SealedMessage, WireError
from edge.contracts.streams import Stream
from tests.contract.golden_messages import MESSAGES, ROWS, on_the_wire
from tests.contract.write_golden import FRAMES, GOLDEN, frame

ROOT = Path(__file__).parents[2]


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def validator(schema_name: str) -> Draft202012Validator:
    """For one schema of the document, with its references inside the document."""
    schema: dict[str, Any] = {
        "$ref": f"#/components/schemas/{schema_name}",
        "components": {"schemas": asyncapi.schemas()},
    }
    # `discriminator` is AsyncAPI's word (a member's name); to JSON Schema it says nothing.
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", [*ROWS, *MESSAGES])
def test_todays_models_write_exactly_the_golden_text(name: str) -> None:
    assert on_the_wire({**ROWS, **MESSAGES}[name]) == golden(name)


@pytest.mark.parametrize("name", [*ROWS, *MESSAGES])
def test_todays_models_read_exactly_the_golden_text(name: str) -> None:
    message = {**ROWS, **MESSAGES}[name]
    read = type(message).from_wire if isinstance(message, SealedMessage) else type(message).model_validate_json
    assert read(golden(name)) == message


@pytest.mark.parametrize("name", ["ack", "card_status_part", "hello"])
def test_no_changed_bit_of_a_sealed_message_is_believed(name: str) -> None:
    message, text = MESSAGES[name], golden(name)
    assert isinstance(message, SealedMessage)
    for bit in range(len(text) * 8):
        spoilt = bytearray(text)
        spoilt[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WireError, match=r"checksum|SHA-256|not a whole JSON object"):
            message.from_wire(bytes(spoilt))


@pytest.mark.parametrize("name", ["ack", "card_status_part", "hello"])
def test_a_sealed_message_without_its_checksum_is_not_believed(name: str) -> None:
    message = MESSAGES[name]
    assert isinstance(message, SealedMessage)
    with pytest.raises(WireError, match="without a checksum") as refused:
        message.from_wire(message.model_dump_json().encode())
    assert refused.value.code == "checksum"


def test_a_tap_of_an_edge_node_that_knows_no_status_list_yet_is_read() -> None:
    told = OBSERVATION.validate_json(golden("older/card_presented"))
    assert isinstance(told, observations.CardPresented)
    assert (told.card_state, told.status_list) == ("unknown", None)


@pytest.mark.parametrize("name", ROWS)
def test_a_golden_row_is_told_apart_by_its_kind(name: str) -> None:
    assert OBSERVATION.validate_json(golden(name)) == ROWS[name]


@pytest.mark.parametrize("stream", Stream)
def test_golden_frames_are_written_and_read_exactly(stream: Stream) -> None:
    text = golden(f"frame_{stream.value}")
    assert frame(stream, FRAMES[stream]) == text
    decoded = decode_frame(text)
    assert [row.observation for row in decoded.rows] == [ROWS[name] for name in FRAMES[stream]]
    assert decoded.header.first_seq == 40
    spans = [3 if isinstance(row.observation, GapDeclared) else 1 for row in decoded.rows]
    assert decoded.last_seq == 39 + sum(spans)


def test_every_kind_of_row_has_a_golden_file_and_stands_in_the_document() -> None:
    kinds = set(get_args(observations.Event)) | {observations.Telemetry, observations.GapDeclared}
    assert {type(row) for row in ROWS.values()} == kinds == set(asyncapi.ROWS)
    assert {type(message) for message in MESSAGES.values()} == set(asyncapi.MESSAGES)


def test_the_asyncapi_document_is_current() -> None:
    text = (ROOT / "edge/contracts/asyncapi.json").read_text()
    mend = "run: python -m edge.contracts.asyncapi > edge/contracts/asyncapi.json"
    assert text == asyncapi.text(), mend


def test_every_reference_in_the_document_leads_somewhere() -> None:
    document = asyncapi.document()

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    found = set(references(document))
    assert len(found) > 20
    for reference in found:
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


@pytest.mark.parametrize(
    ("schema_name", "name"),
    [
        *[(type(message).__name__, name) for name, message in {**ROWS, **MESSAGES}.items()],
        *[("Row", name) for name in ROWS],
        *[("Frame", f"frame_{stream.value}") for stream in Stream],
    ],
)
def test_golden_messages_satisfy_the_documents_schemas(schema_name: str, name: str) -> None:
    validator(schema_name).validate(json.loads(golden(name)))


@pytest.mark.parametrize(
    ("schema_name", "name", "change"),
    [
        ("Ack", "ack", {"mark": -1}),
        ("Ack", "ack", {"epoch": "0123456789ABCDEF"}),
        ("Ack", "ack", {"surprise": 1}),
        ("Birth", "birth", {"schema_version": 2}),
        ("Row", "temperature_measured", {"temperature_celsius": 10_000}),
        ("Row", "temperature_measured", {"kind": "humidity_measured"}),
        ("Row", "tag_appeared", {"epc": "odd"}),
        ("Frame", "frame_events", {"rows": []}),
        ("Frame", "frame_events", {"site": "Nhi Dong"}),
    ],
)
def test_the_documents_schemas_refuse_what_the_models_refuse(
    schema_name: str, name: str, change: dict[str, object]
) -> None:
    assert not validator(schema_name).is_valid({**json.loads(golden(name)), **change})


def test_importing_the_contracts_loads_no_other_part_of_edge_and_nothing_that_does_io() -> None:
    program = (
        "import sys, pkgutil, importlib, edge.contracts as contracts\n"
        "for module in pkgutil.iter_modules(contracts.__path__):\n"
        "    importlib.import_module('edge.contracts.' + module.name)\n"
        "print(*sorted(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    ours = {name.split(".")[0] for name in loaded} & {"edge", "gateway", "cards", "inventory", "medtap", "firmware_sim"}
    assert ours == {"edge"}
    assert [name for name in loaded if name.startswith("edge.") and not name.startswith("edge.contracts")] == []
    assert {"sqlite3", "paho", "serial", "psycopg", "fastapi"} & set(loaded) == set()
