"""What an edge node observed: one frozen model for each kind of row, named in the past tense.

A reader reports what it read; only the gateway decides what that means for stock, visits and alarms.
"""

from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from edge.contracts.base import HexBytes, Name, UtcDatetime, WireModel
from edge.contracts.streams import Stream


class Observed(WireModel):
    """Members of every row."""

    device_id: Name
    """The device on this edge node, as its configuration names it; the node's own name for rows about itself."""
    occurred_at: UtcDatetime
    """Device time: when the silicon said it, by the edge node's clock (which may be wrong; order is given by `seq`)."""
    monotonic_ns: Annotated[int, Field(ge=0)]
    """Monotonic clock at the same instant, in nanoseconds; comparable within one boot only."""


class TemperatureMeasured(Observed):
    """A temperature that the driver believes: checksum right, not a power-on value."""

    kind: Literal["temperature_measured"] = "temperature_measured"
    temperature_celsius: Annotated[float, Field(ge=-200.0, le=200.0)]
    """Range of any thermometer we drive (a Pt100 ends at -200 degrees, IEC 60751); outside it is no reading."""


class CardEvidence(WireModel):
    """What lets the gateway judge a tap again: nothing in it is secret, and it can't be replayed as a new tap."""

    certificate_der: HexBytes
    """X.509 certificate of the card-authentication key (PIV slot 9E), DER."""
    challenge: HexBytes
    """The nonce that the reader side drew for this tap."""
    signature: HexBytes
    """The card's ECDSA signature over the challenge, DER."""


class AddressEvidence(WireModel):
    """What lets the gateway judge a tap of an NTAG 424 DNA again: it counts once, and the tap has used it."""

    address: Annotated[str, Field(min_length=1, max_length=1024)]
    """The address as the chip completed it (SUN): encrypted UID and counter, and a MAC."""


class StatusListUsed(WireModel):
    """The card status list that a tap was judged with at the edge node."""

    number: Annotated[int, Field(ge=0)]
    issued_at: UtcDatetime
    age_s: Annotated[float, Field(ge=0)] | None
    """By the edge node's clock, in seconds; None where that is behind the list's own time and says nothing."""
    stale: bool
    """Older than the edge node's configuration allows, or of unknown age."""


CardStateThere = Literal["unknown", "in_order", "lost", "stolen", "revoked", "expired", "replaced"]
"""What the edge node's status list says of a card; `unknown`: it has no list, or not the card's id."""


class CardPresented(Observed):
    """A card was put on a reader and read to the end (or as far as it let itself be read)."""

    kind: Literal["card_presented"] = "card_presented"
    transport: Literal["pcsc", "nfc"]
    uid: HexBytes = ""
    """ISO 14443 UID, empty where the reader gives none. A name, never an identity: it can be copied."""
    profile: Literal["piv", "ntag424", "unknown"]
    card_id: HexBytes = ""
    """PIV: the CHUID's GUID, 16 bytes (SP 800-73-5 part 1, table 9). NTAG 424 DNA: the chip's UID, 7 bytes, where this
    edge node could open it. A pseudonym; empty if it is not known here."""
    verdict: Literal["genuine", "not_genuine", "unverified"]
    """PIV, `genuine`: possession of the key proven now and certificate chained to the hospital's card CA.
    NTAG 424 DNA, `genuine`: the chip made this address, and it was not shown to this edge node before.
    `not_genuine`: a proof was asked for and is wrong. `unverified`: no proof could be had, or not judged here.
    The state of a genuine card is another matter: `card_state`."""
    reason: Annotated[str, Field(max_length=300)] = ""
    """Why the verdict is not `genuine`; empty if it is."""
    evidence: CardEvidence | AddressEvidence | None = None
    card_state: CardStateThere = "unknown"
    status_list: StatusListUsed | None = None
    """None: this edge node has no status list that it believes."""


class CardRemoved(Observed):
    """The card left the reader."""

    kind: Literal["card_removed"] = "card_removed"
    uid: HexBytes = ""


class CodeScanned(Observed):
    """A barcode scanner delivered one complete code."""

    kind: Literal["code_scanned"] = "code_scanned"
    text: Annotated[str, Field(min_length=1, max_length=4096)]
    """The characters as delivered, AIM prefix and GS (0x1D) included, line ending removed."""
    encoding: Literal["utf-8", "iso-8859-1"] = "utf-8"
    """How the bytes were read: ISO 8859-1 only where they were not UTF-8, so that no byte is lost."""


class NdefRecordRead(WireModel):
    """One NDEF record."""

    type: Annotated[str, Field(max_length=255)]
    """Full type name, such as `urn:nfc:wkt:U`."""
    text: Annotated[str, Field(max_length=8192)] = ""
    """The URI (not percent-encoded anew) or the text of a well-known U or T record, else empty."""
    payload: HexBytes = ""


class NfcTagRead(Observed):
    """A tag with NDEF content (NFC Forum Type 2 or 4) was read."""

    kind: Literal["nfc_tag_read"] = "nfc_tag_read"
    uid: HexBytes
    tag_type: Literal["type2", "type4"]
    records: Annotated[tuple[NdefRecordRead, ...], Field(max_length=64)] = ()


class TagAppeared(Observed):
    """A UHF RFID tag came into the field of an antenna."""

    kind: Literal["tag_appeared"] = "tag_appeared"
    epc: Annotated[HexBytes, Field(min_length=4, max_length=124)]
    """EPC memory as read, without the protocol-control word (Gen2: at most 62 bytes, 496 bits)."""
    antenna_id: Annotated[int, Field(ge=1, le=65535)]
    peak_rssi_dbm: Annotated[float, Field(ge=-128, le=127)] | None = None


class TagDisappeared(Observed):
    """A UHF RFID tag has not been seen for the configured time. Metal and liquid shadow tags: this is not "gone"."""

    kind: Literal["tag_disappeared"] = "tag_disappeared"
    epc: Annotated[HexBytes, Field(min_length=4, max_length=124)]
    antenna_id: Annotated[int, Field(ge=1, le=65535)]
    last_seen_at: UtcDatetime
    seen_count: Annotated[int, Field(ge=1)]


class DeviceStateChanged(Observed):
    """A device went up or down, as its supervisor saw it."""

    kind: Literal["device_state_changed"] = "device_state_changed"
    state: Literal["up", "down"]
    reason: Annotated[str, Field(max_length=500)] = ""


class DeviceFaulted(Observed):
    """A device delivered something that is not an observation: refused, kept here, and the device goes on."""

    kind: Literal["device_faulted"] = "device_faulted"
    code: Literal[
        "power_on_value",
        "zero_scratchpad",
        "crc_mismatch",
        "implausible_value",
        "not_ready",
        "bad_reply",
        "ndef_unreadable",
        "card_removed_early",
        "card_error",
        "incomplete_scan",
        "oversized_scan",
        "epc_unreadable",
        "reports_lost",
    ]
    detail: Annotated[str, Field(max_length=500)] = ""
    raw: HexBytes = ""
    """The offending bytes, cut to what fits."""


class ContactChanged(Observed):
    """A contact says otherwise than before, or says it for the first time since its driver began."""

    kind: Literal["contact_changed"] = "contact_changed"
    contact: Literal["door", "mains_power"]
    state: Literal["open", "closed", "on", "off"]
    """A door is open or closed, mains power is on or off."""
    is_change: bool = True
    """False: found so when the driver began; it may have been so for long."""

    @model_validator(mode="after")
    def _state_fits(self) -> Self:
        if self.state not in CONTACT_STATES[self.contact]:
            raise ValueError(f"{self.contact} is {self.state!r}: expected {' or '.join(CONTACT_STATES[self.contact])}")
        return self


CONTACT_STATES: Final = MappingProxyType({"door": ("closed", "open"), "mains_power": ("on", "off")})
"""What each contact can say: as it should be, then otherwise."""


class BatteryMeasured(Observed):
    """How full the battery of a device is, as the device itself says: in percent, in volts, or both."""

    kind: Literal["battery_measured"] = "battery_measured"
    percent: Annotated[float, Field(ge=0, le=100)] | None = None
    volts: Annotated[float, Field(ge=0, le=1000)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.percent is None and self.volts is None:
            raise ValueError("neither percent nor volts: expected at least one")
        return self


class GapDeclared(Observed):
    """Rows that had to be dropped (disk full): this row stands for `row_count` sequence numbers.

    The loss is declared, in the stream, at its place; never silent.
    """

    kind: Literal["gap_declared"] = "gap_declared"
    row_count: Annotated[int, Field(ge=1)]
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    oldest_occurred_at: UtcDatetime
    newest_occurred_at: UtcDatetime


Event = (
    CardPresented
    | CardRemoved
    | CodeScanned
    | NfcTagRead
    | TagAppeared
    | TagDisappeared
    | DeviceStateChanged
    | DeviceFaulted
    | ContactChanged
    | BatteryMeasured
)
Telemetry = TemperatureMeasured

Observation = Annotated[Event | Telemetry | GapDeclared, Field(discriminator="kind")]
"""Any row of any stream."""

OBSERVATION: TypeAdapter[Event | Telemetry | GapDeclared] = TypeAdapter(Observation)
"""Decodes and encodes one row (JSON object) of any kind."""


def stream_of(observation: Event | Telemetry) -> Stream:
    """The stream that a row of this kind belongs to (a declared gap may stand in either)."""
    return Stream.TELEMETRY if isinstance(observation, TemperatureMeasured) else Stream.EVENTS


def seq_span(observation: Event | Telemetry | GapDeclared) -> int:
    """How many sequence numbers the row stands for: one, or the number of dropped rows for a declared gap."""
    return observation.row_count if isinstance(observation, GapDeclared) else 1
