"""One example of every message kind, as values; the golden files beside this hold the same as text."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from edge.contracts.ack import Ack
from edge.contracts.base import WireModel
from edge.contracts.card_status import CardStatusPart
from edge.contracts.node_state import Birth, Death, DeviceDeclared, Hello, StreamState
from edge.contracts.observations import (
    AddressEvidence,
    BatteryMeasured,
    CardEvidence,
    CardPresented,
    CardRemoved,
    CodeScanned,
    ContactChanged,
    DeviceFaulted,
    DeviceStateChanged,
    GapDeclared,
    NdefRecordRead,
    NfcTagRead,
    StatusListUsed,
    TagAppeared,
    TagDisappeared,
    TemperatureMeasured,
)
from edge.contracts.sealed import SealedMessage
from edge.contracts.streams import Stream

AT = datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 1, 2, 4, tzinfo=UTC)
_WHEN: Mapping[str, Any] = {"occurred_at": AT, "monotonic_ns": 123_456_789_012}
_NODE: Mapping[str, Any] = {"site": "nhi-dong-1", "edge_node": "pharmacy-1", "boot_id": "00112233445566aa"}
_STREAMS = (
    StreamState(stream=Stream.EVENTS, epoch="0123456789abcdef", oldest_kept_seq=7, last_seq=42),
    StreamState(stream=Stream.TELEMETRY, epoch="fedcba9876543210", oldest_kept_seq=0, last_seq=0),
)


def on_the_wire(message: WireModel) -> bytes:
    """Its text: with a checksum if it has one."""
    return message.to_wire() if isinstance(message, SealedMessage) else message.model_dump_json().encode()


ROWS: dict[str, WireModel] = {
    "card_presented": CardPresented(
        device_id="desk-1-card",
        transport="nfc",
        uid="04a1b2c3",
        profile="piv",
        card_id="00112233445566778899aabbccddeeff",
        verdict="genuine",
        evidence=CardEvidence(certificate_der="3082", challenge="aa" * 32, signature="3045"),
        card_state="in_order",
        status_list=StatusListUsed(number=1_795_312_800, issued_at=AT, age_s=61.5, stale=False),
        **_WHEN,
    ),
    "card_presented_ntag424": CardPresented(
        device_id="desk-1-card",
        transport="pcsc",
        uid="04a1b2c3d4e5f6",
        profile="ntag424",
        verdict="unverified",
        reason="no_keys: to be judged by the gateway",
        evidence=AddressEvidence(address=f"https://the.example/t?v=01&p={'A' * 32}&c={'B' * 16}"),
        **_WHEN,
    ),
    "card_removed": CardRemoved(device_id="desk-1-card", uid="04a1b2c3", **_WHEN),
    "code_scanned": CodeScanned(
        device_id="receiving-scanner", text="]d20108412345678905171231\x1d10LÔ-1\x1d21000001", **_WHEN
    ),
    "nfc_tag_read": NfcTagRead(
        device_id="pharmacy-nfc",
        uid="04112233445566",
        tag_type="type2",
        records=(NdefRecordRead(type="urn:nfc:wkt:U", text="https://id.gs1.org/01/08412345678905", payload="0461"),),
        **_WHEN,
    ),
    "tag_appeared": TagAppeared(
        device_id="store-door-uhf", epc="30395dfa82c0f0c000000001", antenna_id=1, peak_rssi_dbm=-51.5, **_WHEN
    ),
    "tag_disappeared": TagDisappeared(
        device_id="store-door-uhf",
        epc="30395dfa82c0f0c000000001",
        antenna_id=1,
        last_seen_at=AT,
        seen_count=17,
        **_WHEN,
    ),
    "device_state_changed": DeviceStateChanged(
        device_id="fridge-1-probe", state="down", reason="no such file: is the probe plugged in?", **_WHEN
    ),
    "device_faulted": DeviceFaulted(
        device_id="fridge-1-probe", code="crc_mismatch", detail="CRC 0x3c, expected 0x3d", raw="5005", **_WHEN
    ),
    "contact_changed": ContactChanged(device_id="fridge-1-door", contact="door", state="open", **_WHEN),
    "contact_found": ContactChanged(
        device_id="fridge-1-mains", contact="mains_power", state="on", is_change=False, **_WHEN
    ),
    "battery_measured": BatteryMeasured(device_id="fridge-1-battery", percent=81.5, volts=3.61, **_WHEN),
    "temperature_measured": TemperatureMeasured(device_id="fridge-1-probe", temperature_celsius=4.0625, **_WHEN),
    "gap_declared": GapDeclared(
        device_id="pharmacy-1",
        row_count=3,
        reason="rows are missing from the outbox file",
        oldest_occurred_at=AT,
        newest_occurred_at=LATER,
        **_WHEN,
    ),
}

MESSAGES: dict[str, WireModel] = {
    "ack": Ack(
        stream=Stream.EVENTS,
        epoch="0123456789abcdef",
        mark=42,
        server_generation="0123456789abcdef0123456789abcdef",
        sent_at=LATER,
        answers_sent_at=AT,
    ),
    "birth": Birth(
        software_version="0.1.0",
        sent_at=AT,
        streams=_STREAMS,
        devices=(DeviceDeclared(device_id="fridge-1-probe", driver="ds18b20", description="Tủ vắc-xin, ngăn trên"),),
        **_NODE,
    ),
    "card_status_part": CardStatusPart(
        site="nhi-dong-1", number=1_795_312_800, issued_at=AT, part=1, parts=2, head="0oRD", entries="AAECAwQFBgcB"
    ),
    "death": Death(planned=True, **_NODE),
    "hello": Hello(sent_at=AT, streams=_STREAMS, **_NODE),
}
