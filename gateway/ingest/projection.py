"""What each kind of event means: one function for each, all in the caller's transaction."""

from typing import Protocol

from edge.contracts.observations import (
    BatteryMeasured,
    CardPresented,
    CardRemoved,
    CodeScanned,
    ContactChanged,
    DeviceFaulted,
    DeviceStateChanged,
    Event,
    NfcTagRead,
    TagAppeared,
    TagDisappeared,
)
from gateway.alarms.contacts import apply_battery_measured, apply_contact_changed
from gateway.db.pool import Connection
from gateway.services.check_in import CheckIn, apply_card_removed
from gateway.services.devices import apply_device_fault, apply_device_state
from gateway.services.live_events import NewLiveEvent
from gateway.services.occurrence import Occurrence
from gateway.services.presence import apply_tag_appeared, apply_tag_disappeared
from gateway.services.stock import Stock


class Projection(Protocol):
    """What the ingest asks of it. A failure is the row's: it is rolled back to before the row and dead-lettered."""

    def apply(self, connection: Connection, at: Occurrence, event: Event) -> tuple[NewLiveEvent, ...]:
        """Make the event's meaning true; what pages shall show."""
        ...


class HospitalProjection:
    """The hospital's: taps are check-ins, scans are stock, tags are presence, device states are shown."""

    def __init__(self, check_in: CheckIn, stock: Stock) -> None:
        self._check_in = check_in
        self._stock = stock

    def apply(self, connection: Connection, at: Occurrence, event: Event) -> tuple[NewLiveEvent, ...]:  # noqa: C901, PLR0911 - one for each kind
        """Dispatch by kind; mypy sees that none is missing."""
        match event:
            case CardPresented():
                return self._check_in.apply_card_presented(connection, at, event)
            case CardRemoved():
                return apply_card_removed(connection, at, event)
            case CodeScanned():
                return self._stock.apply_code_scanned(connection, at, event)
            case NfcTagRead():
                return self._stock.apply_nfc_tag_read(connection, at, event)
            case TagAppeared():
                return apply_tag_appeared(connection, at, event)
            case TagDisappeared():
                return apply_tag_disappeared(connection, at, event)
            case DeviceStateChanged():
                return apply_device_state(connection, at, event)
            case DeviceFaulted():
                return apply_device_fault(connection, at, event)
            case ContactChanged():
                return apply_contact_changed(connection, at, event)
            case BatteryMeasured():
                return apply_battery_measured(connection, at, event)
