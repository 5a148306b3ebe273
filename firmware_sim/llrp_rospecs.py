"""The ROSpecs of an LLRP reader: what it was told to do, and in which state each order is.

Source: LLRP 1.0.1, sections 6 (states: disabled, inactive, active) and 10 (messages and triggers). ROSpec 0 means all
in ENABLE, DISABLE and DELETE. Supported: AISpecs with null and duration stop triggers; start triggers null, immediate
and periodic; stop triggers null and duration. The rest is refused by name, as a small reader does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from llrpkit.protocol import LLRPParameter, enums, params

from firmware_sim.llrp_capabilities import failure, success

ALL_ROSPECS = 0
_START_TRIGGERS = frozenset(
    {
        enums.ROSpecStartTriggerType.Null,
        enums.ROSpecStartTriggerType.Immediate,
        enums.ROSpecStartTriggerType.Periodic,
    }
)
_STOP_TRIGGERS = frozenset({enums.ROSpecStopTriggerType.Null, enums.ROSpecStopTriggerType.Duration})
_AI_STOP_TRIGGERS = frozenset({enums.AISpecStopTriggerType.Null, enums.AISpecStopTriggerType.Duration})


class RoSpecState(Enum):
    """The states of LLRP 1.0.1, section 6."""

    DISABLED = enums.ROSpecState.Disabled
    INACTIVE = enums.ROSpecState.Inactive
    ACTIVE = enums.ROSpecState.Active


@dataclass
class RoSpecEntry:
    """One ROSpec and what has become of it."""

    spec: params.ROSpec
    state: RoSpecState = RoSpecState.DISABLED
    pending: dict[tuple[bytes, int], params.TagReportData] = field(default_factory=dict)
    """Reads not reported yet, one report for each tag and antenna (LLRP lets a reader accumulate)."""
    pending_reads: int = 0
    """Reads in them: what the N of the report trigger counts here, so that two tags can fill an N of three."""

    @property
    def ai_specs(self) -> list[params.AISpec]:
        """Its inventory orders, in sequence."""
        return [spec for spec in self.spec.spec_parameters if isinstance(spec, params.AISpec)]


class RoSpecTable:
    """All ROSpecs of a reader. They outlive a connection, and end with the reader's power."""

    def __init__(
        self,
        antenna_count: int,
        on_start: Callable[[RoSpecEntry], None],
        on_stop: Callable[[RoSpecEntry], None],
    ) -> None:
        """Tell `on_start` and `on_stop` of every entry that becomes active, or is active no more."""
        self._antenna_count = antenna_count
        self._on_start = on_start
        self._on_stop = on_stop
        self.entries: dict[int, RoSpecEntry] = {}

    def add(self, spec: params.ROSpec) -> params.LLRPStatus:
        """ADD_ROSPEC: a new one, disabled."""
        refused = self._why_not(spec)
        if refused is not None:
            return refused
        self.entries[spec.ro_spec_id] = RoSpecEntry(spec)
        return success()

    def enable(self, ro_spec_id: int) -> params.LLRPStatus:
        """ENABLE_ROSPEC: disabled becomes inactive, and at once active if it starts immediately or periodically."""
        return self._each(ro_spec_id, self._enable)

    def disable(self, ro_spec_id: int) -> params.LLRPStatus:
        """DISABLE_ROSPEC: whatever it does ends."""
        return self._each(ro_spec_id, self._disable)

    def delete(self, ro_spec_id: int) -> params.LLRPStatus:
        """DELETE_ROSPEC: whatever it does ends, and it is forgotten. Deleting all of none is a success."""
        return self._each(ro_spec_id, self._delete)

    def start(self, ro_spec_id: int) -> params.LLRPStatus:
        """START_ROSPEC: inactive becomes active; a disabled one is refused, an active one goes on."""
        entry = self.entries.get(ro_spec_id)
        if entry is None:
            return self._unknown(ro_spec_id)
        if entry.state is RoSpecState.DISABLED:
            return failure(enums.StatusCode.M_ParameterError, f"ROSpec {ro_spec_id} is disabled: enable it first")
        self.activate(entry)
        return success()

    def stop(self, ro_spec_id: int) -> params.LLRPStatus:
        """STOP_ROSPEC: active becomes inactive; an inactive one stays."""
        entry = self.entries.get(ro_spec_id)
        if entry is None:
            return self._unknown(ro_spec_id)
        self.deactivate(entry)
        return success()

    def clear(self) -> None:
        """Forget all, as after a power cycle or a reset to factory defaults."""
        self.delete(ALL_ROSPECS)

    def activate(self, entry: RoSpecEntry) -> None:
        """Inactive becomes active."""
        if entry.state is RoSpecState.INACTIVE:
            entry.state = RoSpecState.ACTIVE
            self._on_start(entry)

    def deactivate(self, entry: RoSpecEntry) -> None:
        """Active becomes inactive."""
        if entry.state is RoSpecState.ACTIVE:
            entry.state = RoSpecState.INACTIVE
            self._on_stop(entry)

    def _each(self, ro_spec_id: int, action: Callable[[RoSpecEntry], None]) -> params.LLRPStatus:
        if ro_spec_id == ALL_ROSPECS:
            for entry in list(self.entries.values()):
                action(entry)
            return success()
        if ro_spec_id not in self.entries:
            return self._unknown(ro_spec_id)
        action(self.entries[ro_spec_id])
        return success()

    def _enable(self, entry: RoSpecEntry) -> None:
        if entry.state is not RoSpecState.DISABLED:
            return
        entry.state = RoSpecState.INACTIVE
        trigger = entry.spec.ro_boundary_spec.ro_spec_start_trigger.ro_spec_start_trigger_type
        if trigger != enums.ROSpecStartTriggerType.Null:
            self.activate(entry)

    def _disable(self, entry: RoSpecEntry) -> None:
        self.deactivate(entry)
        entry.state = RoSpecState.DISABLED

    def _delete(self, entry: RoSpecEntry) -> None:
        self._disable(entry)
        del self.entries[entry.spec.ro_spec_id]

    @staticmethod
    def _unknown(ro_spec_id: int) -> params.LLRPStatus:
        return failure(enums.StatusCode.M_ParameterError, f"there is no ROSpec {ro_spec_id}")

    def _why_not(self, spec: params.ROSpec) -> params.LLRPStatus | None:
        boundary = spec.ro_boundary_spec
        start = boundary.ro_spec_start_trigger.ro_spec_start_trigger_type
        stop = boundary.ro_spec_stop_trigger.ro_spec_stop_trigger_type
        code = enums.StatusCode
        rules = (
            (spec.ro_spec_id == ALL_ROSPECS, code.M_FieldError, "ROSpecID 0 is reserved for 'all'"),
            (spec.ro_spec_id in self.entries, code.M_DuplicateParameter, f"ROSpec {spec.ro_spec_id} is there already"),
            (spec.current_state != enums.ROSpecState.Disabled, code.M_FieldError, "CurrentState must be Disabled"),
            (start not in _START_TRIGGERS, code.P_UnsupportedParameter, "start: only null, immediate, periodic"),
            (stop not in _STOP_TRIGGERS, code.P_UnsupportedParameter, "stop: only null and duration"),
        )
        for broken, status, reason in rules:
            if broken:
                return failure(status, reason)
        for part in spec.spec_parameters:
            refused = self._why_not_ai_spec(part)
            if refused is not None:
                return refused
        return None

    def _why_not_ai_spec(self, part: LLRPParameter) -> params.LLRPStatus | None:
        if not isinstance(part, params.AISpec):
            return failure(enums.StatusCode.P_UnsupportedParameter, f"{type(part).__name__}: only AISpec")
        if part.ai_spec_stop_trigger.ai_spec_stop_trigger_type not in _AI_STOP_TRIGGERS:
            return failure(enums.StatusCode.P_UnsupportedParameter, "AISpec stop: only null and duration")
        wrong = [antenna for antenna in part.antenna_ids if not 0 <= antenna <= self._antenna_count]
        if wrong:
            return failure(enums.StatusCode.A_OutOfRange, f"antenna {wrong[0]}: expected 0 to {self._antenna_count}")
        return None
