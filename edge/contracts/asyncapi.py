"""The AsyncAPI 3.0 document of the wire, generated: `python -m edge.contracts.asyncapi > edge/contracts/asyncapi.json`.

The models are the contract; the document shows it to people and programs that don't read Python. A test holds
`asyncapi.json` to what is generated here.
"""

import sys
from typing import Any, Final, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from edge.contracts import topics
from edge.contracts.ack import Ack
from edge.contracts.base import FRAME_BYTES_MAX, SCHEMA_VERSION, WireModel
from edge.contracts.card_status import CardStatusPart
from edge.contracts.frame import FrameHeader
from edge.contracts.node_state import Birth, Death, Hello
from edge.contracts.observations import (
    BatteryMeasured,
    CardPresented,
    CardRemoved,
    CodeScanned,
    ContactChanged,
    DeviceFaulted,
    DeviceStateChanged,
    GapDeclared,
    NfcTagRead,
    TagAppeared,
    TagDisappeared,
    TemperatureMeasured,
)
from edge.contracts.sealed import SealedMessage
from edge.contracts.streams import Stream

ROWS: Final[tuple[type[WireModel], ...]] = (
    CardPresented,
    CardRemoved,
    CodeScanned,
    NfcTagRead,
    TagAppeared,
    TagDisappeared,
    DeviceStateChanged,
    DeviceFaulted,
    ContactChanged,
    BatteryMeasured,
    TemperatureMeasured,
    GapDeclared,
)
MESSAGES: Final[tuple[type[WireModel], ...]] = (Ack, Birth, CardStatusPart, Death, Hello)

_SITE_PARAMETERS: Final = {
    "site": {"description": "The hospital: 1 to 63 of a-z, 0-9 and inner hyphens."},
    "edge_node": {"description": "The edge node, unlike any other of the site; same characters."},
}
_REF: Final = "#/components/schemas/{model}"


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "medtap: between an edge node and its gateway",
            "version": str(SCHEMA_VERSION),
            "license": {"name": "Apache-2.0"},
            "description": (
                "JSON over MQTT 5, QoS 1. The broker may lose, double and reorder: only `Ack` lets go of a row."
            ),
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": schemas()},
    }


def schemas() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of every model, by name, as it is read from the wire."""
    models: list[type[WireModel]] = [*ROWS, *MESSAGES, FrameHeader]
    modes: list[tuple[type[WireModel], Literal["validation"]]] = [(model, "validation") for model in models]
    _, generated = models_json_schema(modes, ref_template=_REF)
    found: dict[str, Any] = _portable(generated["$defs"])
    found["Frame"] = _frame(found["FrameHeader"])
    for model in models:
        if issubclass(model, SealedMessage):
            found[model.__name__] = _sealed(found[model.__name__])
    found["Row"] = {
        "description": "One row of a stream; `kind` says which.",
        "oneOf": [{"$ref": _REF.format(model=model.__name__)} for model in ROWS],
        "discriminator": "kind",
    }
    return dict(sorted(found.items()))


def _portable(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same with anchors that every dialect of regular expressions knows (JSON Schema asks for ECMA-262)."""
    match schema:
        case dict():
            return {key: _portable(value) for key, value in schema.items()}
        case list():
            return [_portable(value) for value in schema]
        case str():
            return schema.replace(r"\A", "^").replace(r"\z", "$")
    return schema


def _frame(header: dict[str, Any]) -> dict[str, Any]:
    """A frame is its header's members, the rows, and the checksum as the last member of the text."""
    members = {
        **header["properties"],
        "rows": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": _REF.format(model="Row")},
            "description": "Consecutive rows, beginning at first_seq; a declared gap stands for row_count numbers.",
        },
    }
    return _sealed(
        {
            "title": "Frame",
            "description": f"Consecutive rows of one stream, epoch and boot; at most {FRAME_BYTES_MAX} bytes.",
            "type": "object",
            "additionalProperties": False,
            "properties": members,
            "required": [*header["required"], "rows"],
        }
    )


def _sealed(schema: dict[str, Any]) -> dict[str, Any]:
    """The same with the checksum that stands last in the text."""
    sha256 = {
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
        "description": 'SHA-256 of every byte of the message before `,"sha256":`, which is its last member.',
    }
    return {
        **schema,
        "properties": {**schema["properties"], "sha256": sha256},
        "required": [*schema["required"], "sha256"],
    }


def _channels() -> dict[str, Any]:
    sender = topics.Sender("{site}", "{edge_node}")
    up = topics.up(sender, Stream.EVENTS).removesuffix(Stream.EVENTS.value) + "{stream}"
    stream = {"enum": [stream.value for stream in Stream], "description": "events before telemetry"}
    return {
        "up": _channel(up, ["Frame"], "Frames of one stream, edge to gateway.", stream=stream),
        "state": _channel(topics.state(sender), ["Birth", "Death"], "Retained; a Death is the will."),
        "hello": _channel(topics.hello(sender), ["Hello"], "Asks for the marks; answered by one Ack a stream."),
        "ack": _channel(topics.ack(sender), ["Ack"], "Cumulative acknowledgements, gateway to edge."),
        "cards": _channel(
            topics.card_status_filter(sender).removesuffix("+") + "{part}",
            ["CardStatusPart"],
            "The card status list, retained, gateway to edge.",
            part={"description": "1 to 200"},
        ),
    }


def _channel(address: str, messages: list[str], description: str, **parameters: object) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "parameters": {**_SITE_PARAMETERS, **parameters},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operations() -> dict[str, Any]:
    """From the edge node's side: it sends on three channels and receives on two."""
    actions = {"up": "send", "state": "send", "hello": "send", "ack": "receive", "cards": "receive"}
    return {
        f"{action}_{channel}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "bindings": {"mqtt": {"qos": 1, "retain": channel in {"state", "cards"}, "bindingVersion": "0.2.0"}},
        }
        for channel, action in actions.items()
    }


def _messages() -> dict[str, Any]:
    names = ["Frame", *(model.__name__ for model in MESSAGES)]
    return {name: {"name": name, "payload": {"$ref": _REF.format(model=name)}} for name in names}


def text() -> str:
    """The document as the file holds it."""
    return TypeAdapter(dict[str, Any]).dump_json(document(), indent=2).decode() + "\n"


def main() -> None:
    """Write the document to standard output."""
    sys.stdout.write(text())


if __name__ == "__main__":
    main()
