"""PN532 frames on a line that may say anything (NXP UM0701-02 section 6.2.1)."""

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.pn532_frame import ACK_BYTES, FrameReader, encode

COMMANDS = st.binary(min_size=1, max_size=264).map(lambda tail: b"\xd4" + tail)
QUIET = st.binary(max_size=40).map(lambda noise: noise.replace(b"\xff", b"\xfe"))


@given(st.lists(st.tuples(QUIET, COMMANDS), max_size=6), st.integers(1, 700))
def test_frames_come_out_whole_however_the_line_cuts_them_and_whatever_stands_between(
    sent: list[tuple[bytes, bytes]], chunk_bytes: int
) -> None:
    line = b"".join(noise + encode(command) for noise, command in sent)
    reader = FrameReader()
    received = []
    for start in range(0, len(line), chunk_bytes):
        received += reader.feed(line[start : start + chunk_bytes])
    assert [frame.data for frame in received] == [command for _, command in sent]


@given(st.lists(st.binary(max_size=100), max_size=10))
def test_noise_never_raises_and_holds_back_at_most_one_frame(noise: list[bytes]) -> None:
    reader = FrameReader()
    for part in noise:
        reader.feed(part)
    reader.drop_partial()
    assert [frame.data for frame in reader.feed(encode(b"\xd4\x02"))] == [b"\xd4\x02"]


@given(COMMANDS, st.integers(0), st.integers(0, 7))
def test_one_turned_bit_never_makes_another_command(command: bytes, position: int, bit: int) -> None:
    frame = bytearray(encode(command))
    frame[position % len(frame)] ^= 1 << bit
    assert all(received.data in (command, b"") for received in FrameReader().feed(bytes(frame)))


def test_an_ack_between_commands_is_an_abort() -> None:
    frames = FrameReader().feed(ACK_BYTES + encode(b"\xd4\x02") + ACK_BYTES)
    assert [frame.is_ack for frame in frames] == [True, False, True]
