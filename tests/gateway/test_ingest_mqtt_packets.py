"""The subscriber's MQTT 5 packets, held against a general client library's and against bytes cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ingest import mqtt_packets as packets
from gateway.ingest.mqtt_packets import MqttError, PacketReader
from medtap.bench.mqtt_load import _packet as other_packet  # an implementation of the same clause, made for itself

TOPIC = "medtap/v1/demo/store-1/up/events"


def _publish_qos_1(topic: str, payload: bytes, packet_id: int, properties: bytes) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2) + name + packet_id.to_bytes(2) + bytes([len(properties)]) + properties + payload
    length, rest = bytearray(), len(body)
    while rest > 127:
        length.append(rest % 128 + 128)
        rest //= 128
    return b"\x32" + bytes(length) + bytes([rest]) + body


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 65535), st.data())
def test_packets_come_out_whole_however_the_bytes_were_cut(
    payloads: list[bytes], packet_id: int, data: st.DataObject
) -> None:
    user_property = b"\x26\x00\x01a\x00\x01b"
    wire = b"".join(_publish_qos_1(TOPIC, payload, packet_id, user_property) for payload in payloads)
    reader = PacketReader()
    out = []
    while wire:
        size = data.draw(st.integers(1, len(wire)))
        out += list(reader.feed(wire[:size]))
        wire = wire[size:]
    read = [packets.read_publish(flags, body) for kind, flags, body in out if kind == packets.PUBLISH]
    assert [(each.topic, each.payload, each.qos, each.packet_id) for each in read] == [
        (TOPIC, payload, 1, packet_id) for payload in payloads
    ]


@given(st.binary(max_size=60))
def test_whatever_a_broker_sends_is_understood_or_refused(noise: bytes) -> None:
    try:
        for kind, flags, body in PacketReader().feed(noise):
            if kind == packets.PUBLISH:
                packets.read_publish(flags, body)
            elif kind == packets.CONNACK:
                packets.read_connack(body)
            elif kind == packets.SUBACK:
                packets.read_suback(body)
    except MqttError:
        return


def test_a_length_that_no_packet_may_have_is_refused() -> None:
    with pytest.raises(MqttError, match="bytes"):
        list(PacketReader().feed(b"\x32\xff\xff\xff\xff\xff"))
    with pytest.raises(MqttError, match="at most"):
        list(PacketReader().feed(b"\x32\xff\xff\xff\x7f"))


def test_the_brokers_own_keep_alive_is_found_among_other_properties() -> None:
    properties = b"\x21\x00\x14" + b"\x26\x00\x01a\x00\x01b" + b"\x1f\x00\x02no" + b"\x13\x00\x3c"
    answer = packets.read_connack(b"\x01\x00" + bytes([len(properties)]) + properties)
    assert answer == packets.ConnAck(session_present=True, reason=0, keep_alive_s=60)
    assert packets.read_connack(b"\x00\x86").reason == 0x86


def test_a_connect_resumes_its_session_and_carries_its_name_and_password() -> None:
    wire = packets.connect(
        "gateway",
        keep_alive_s=30,
        session_expiry_s=604800,
        receive_maximum=1000,
        username="u",
        password="p\u1ea1ss",  # noqa: S106 - a test's
    )
    kind, begin, end = other_packet(bytearray(wire), 0) or (0, 0, 0)
    assert (kind, end) == (0x10, len(wire))
    body = wire[begin:]
    assert body[:7] == b"\x00\x04MQTT\x05"
    assert body[7] == 0xC0, "username, password, and not a clean start"
    assert body.endswith(b"\x00\x07gateway\x00\x01u\x00\x06p\xe1\xba\xa1ss")
