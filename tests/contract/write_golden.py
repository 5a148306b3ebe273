"""Writes the golden files anew: only for a new kind of message.

A changed file is a changed wire: installed edge nodes and gateways have to be considered before it is committed.
"""

from pathlib import Path

from edge.contracts.frame import FrameHeader, encode_frame
from edge.contracts.streams import Stream
from tests.contract.golden_messages import AT, MESSAGES, ROWS, on_the_wire

GOLDEN = Path(__file__).parent / "golden"


def frame(stream: Stream, names: tuple[str, ...]) -> bytes:
    header = FrameHeader(
        site="nhi-dong-1",
        edge_node="pharmacy-1",
        stream=stream,
        epoch="0123456789abcdef",
        boot_id="00112233445566aa",
        first_seq=40,
        sent_at=AT,
    )
    return encode_frame(header, [ROWS[name].model_dump_json().encode() for name in names])


FRAMES = {
    Stream.EVENTS: tuple(name for name in ROWS if name != "temperature_measured"),
    Stream.TELEMETRY: ("temperature_measured", "gap_declared"),
}


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, message in {**ROWS, **MESSAGES}.items():
        (GOLDEN / f"{name}.json").write_bytes(on_the_wire(message))
    for stream, names in FRAMES.items():
        (GOLDEN / f"frame_{stream.value}.json").write_bytes(frame(stream, names))


if __name__ == "__main__":
    main()
