"""The AccessSpecs of the simulated LLRP reader: reading and writing a tag's memory during an inventory round.

Sources: LLRP 1.0.1, sections 7 (AccessSpec, its states and stop trigger), 12.2.1 (C1G2 operations and results);
EPC UHF Gen2 Air Interface 2.1, 6.3.2.1 (banks: 00 reserved, 01 EPC = CRC, PC, EPC words, 10 TID, 11 user).
Supported: C1G2Read and C1G2Write on the EPC and TID banks, target masks on the EPC bank, operation count.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from llrpkit.protocol import enums, params

from firmware_sim.llrp_capabilities import failure, success
from firmware_sim.tag_field import TagField, TagRead, UhfTag

ALL = 0
_EPC_BANK, _TID_BANK = 1, 2
_WORD_BYTES = 2
_PC_WORD = 1
_FIRST_EPC_WORD = 2
_Result = params.C1G2ReadOpSpecResult | params.C1G2WriteOpSpecResult


@dataclass
class AccessEntry:
    """One AccessSpec and what has become of it."""

    spec: params.AccessSpec
    enabled: bool = False
    done: int = 0


class AccessSpecTable:
    """All AccessSpecs of a reader, and their execution on the tags of `field`."""

    def __init__(self, field: TagField) -> None:
        """None."""
        self._field = field
        self.entries: dict[int, AccessEntry] = {}

    def add(self, spec: params.AccessSpec) -> params.LLRPStatus:
        """ADD_ACCESSSPEC: a new one, disabled."""
        code = enums.StatusCode
        operations = spec.access_command.access_command_op_specs
        known = all(isinstance(one, params.C1G2Read | params.C1G2Write) for one in operations)
        rules = (
            (spec.access_spec_id == ALL, code.M_FieldError, "AccessSpecID 0 is reserved for 'all'"),
            (spec.access_spec_id in self.entries, code.M_DuplicateParameter, "there is one of that number already"),
            (bool(spec.current_state), code.M_FieldError, "CurrentState must be Disabled"),
            (not operations or not known, code.P_UnsupportedParameter, "operations: only C1G2Read and C1G2Write"),
        )
        for broken, status, reason in rules:
            if broken:
                return failure(status, reason)
        self.entries[spec.access_spec_id] = AccessEntry(spec)
        return success()

    def enable(self, access_spec_id: int) -> params.LLRPStatus:
        """ENABLE_ACCESSSPEC."""
        return self._set(access_spec_id, enabled=True)

    def disable(self, access_spec_id: int) -> params.LLRPStatus:
        """DISABLE_ACCESSSPEC."""
        return self._set(access_spec_id, enabled=False)

    def delete(self, access_spec_id: int) -> params.LLRPStatus:
        """DELETE_ACCESSSPEC; deleting all of none is a success."""
        if access_spec_id == ALL:
            self.entries.clear()
        elif self.entries.pop(access_spec_id, None) is None:
            return self._unknown(access_spec_id)
        return success()

    def specs(self) -> list[params.AccessSpec]:
        """GET_ACCESSSPECS, with their state as it is."""
        for entry in self.entries.values():
            entry.spec.current_state = entry.enabled
        return [entry.spec for entry in self.entries.values()]

    def execute(self, ro_spec_id: int, read: TagRead) -> tuple[int, list[_Result]] | None:
        """What the first AccessSpec that this tag matches does to it: its id and results; None if there is none."""
        for entry in list(self.entries.values()):
            spec = entry.spec
            meant = spec.antenna_id in {0, read.antenna_id} and spec.ro_spec_id in {0, ro_spec_id}
            if not entry.enabled or not meant or not _matches(spec.access_command.air_protocol_tag_spec, read.epc):
                continue
            results = [self._operate(read.epc, operation) for operation in spec.access_command.access_command_op_specs]
            entry.done += 1
            trigger = spec.access_spec_stop_trigger
            counted = trigger.access_spec_stop_trigger == enums.AccessSpecStopTriggerType.Operation_Count
            if counted and entry.done >= trigger.operation_count_value:
                del self.entries[spec.access_spec_id]  # section 7.2: it is deleted when its stop condition is met
            return spec.access_spec_id, results
        return None

    def _set(self, access_spec_id: int, *, enabled: bool) -> params.LLRPStatus:
        chosen = [entry for key, entry in self.entries.items() if access_spec_id in {ALL, key}]
        if not chosen and access_spec_id != ALL:
            return self._unknown(access_spec_id)
        for entry in chosen:
            entry.enabled = enabled
        return success()

    @staticmethod
    def _unknown(access_spec_id: int) -> params.LLRPStatus:
        return failure(enums.StatusCode.M_ParameterError, f"there is no AccessSpec {access_spec_id}")

    def _operate(self, epc: bytes, operation: object) -> _Result:
        tag = self._field.find(epc)
        if isinstance(operation, params.C1G2Write):
            result, written = self._write(tag, operation)
            return params.C1G2WriteOpSpecResult(
                result=result, op_spec_id=operation.op_spec_id, num_words_written=written
            )
        assert isinstance(operation, params.C1G2Read)  # noqa: S101 - `add` lets nothing else in
        if tag is None:
            silent = enums.C1G2ReadResultType.No_Response_From_Tag
            return params.C1G2ReadOpSpecResult(result=silent, op_spec_id=operation.op_spec_id)
        words = _words(_bank(tag, operation.mb))[operation.word_pointer :]
        if operation.word_count:
            words = words[: operation.word_count]
        if not words or (operation.word_count and len(words) < operation.word_count):
            beyond = enums.C1G2ReadResultType.Nonspecific_Tag_Error
            return params.C1G2ReadOpSpecResult(result=beyond, op_spec_id=operation.op_spec_id)
        return params.C1G2ReadOpSpecResult(
            result=enums.C1G2ReadResultType.Success, op_spec_id=operation.op_spec_id, read_data=words
        )

    def _write(self, tag: UhfTag | None, operation: params.C1G2Write) -> tuple[enums.C1G2WriteResultType, int]:
        kinds = enums.C1G2WriteResultType
        if tag is None:
            return kinds.No_Response_From_Tag, 0
        if operation.mb != _EPC_BANK or tag.locked:
            return kinds.Tag_Memory_Locked_Error, 0
        if operation.word_pointer < _PC_WORD:
            return kinds.Nonspecific_Tag_Error, 0
        last = operation.word_pointer + len(operation.write_data) - _FIRST_EPC_WORD
        if last > tag.epc_words_max:
            return kinds.Tag_Memory_Overrun_Error, 0
        done = len(operation.write_data) if tag.writes_words is None else tag.writes_words
        memory = _words(tag.epc_memory)
        for place, word in enumerate(operation.write_data[:done], operation.word_pointer):
            memory[place] = word
        self._field.rewrite(tag, b"".join(word.to_bytes(_WORD_BYTES, "big") for word in memory))
        if done < len(operation.write_data):
            return kinds.Insufficient_Power, done
        return kinds.Success, done


def _matches(spec: params.C1G2TagSpec, epc: bytes) -> bool:
    """Section 12.2.1.1: all target patterns hold; a mask of no bits matches every tag."""
    return all(_pattern_holds(pattern, epc) for pattern in spec.c1_g2_target_tags)


def _pattern_holds(pattern: params.C1G2TargetTag, epc: bytes) -> bool:
    bits = pattern.tag_mask.bit_len
    if bits == 0:
        return pattern.match
    start = pattern.pointer - _FIRST_EPC_WORD * 16
    if pattern.mb != _EPC_BANK or start < 0 or start + bits > len(epc) * 8:
        return not pattern.match
    shift = len(epc) * 8 - start - bits
    stored = int.from_bytes(epc, "big") >> shift & ((1 << bits) - 1)
    unused = len(pattern.tag_mask.data) * 8 - bits
    mask = int.from_bytes(pattern.tag_mask.data, "big") >> unused
    wanted = int.from_bytes(pattern.tag_data.data, "big") >> unused
    return (stored & mask == wanted & mask) == pattern.match


def _bank(tag: UhfTag, bank: int) -> bytes:
    return {_EPC_BANK: b"\0\0" + tag.epc_memory[_WORD_BYTES:], _TID_BANK: tag.tid}.get(bank, b"")


def _words(data: bytes) -> list[int]:
    return list(_each_word(data))


def _each_word(data: bytes) -> Iterator[int]:
    for start in range(0, len(data), _WORD_BYTES):
        yield int.from_bytes(data[start : start + _WORD_BYTES], "big")
