"""AccessSpecs of the simulated LLRP reader, under llrpkit's client."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from llrpkit.client import LLRPClient
from llrpkit.protocol import LLRPMessage, enums, messages, params
from llrpkit.protocol.codec import BitStr
from llrpkit.reader import Reader

from firmware_sim.llrp_access import AccessSpecTable
from firmware_sim.llrp_reader import LlrpReader
from firmware_sim.tag_field import TagField, TagRead, UhfTag

EPC_A = bytes.fromhex("3074257bf7194e4000001a85")
EPC_B = bytes.fromhex("3074257bf7194e4000001a86")
_Result = TypeVar("_Result")


@pytest.fixture
def reader() -> Iterator[LlrpReader]:
    with LlrpReader(antenna_count=1, round_s=0.005) as switched_on:
        yield switched_on


def run(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    async def bounded() -> _Result:
        async with asyncio.timeout(60):
            return await coroutine

    return asyncio.run(bounded())


def spec(
    *operations: params.C1G2Read | params.C1G2Write,
    number: int = 5,
    mask: bytes = b"",
    match: bool = True,
    count: int = 1,
) -> params.AccessSpec:
    pattern = BitStr.from_bytes(mask)
    target = params.C1G2TargetTag(mb=1, match=match, pointer=0x20, tag_mask=_ones(mask), tag_data=pattern)
    return params.AccessSpec(
        access_spec_id=number,
        protocol_id=enums.AirProtocols.EPCGlobalClass1Gen2,
        access_spec_stop_trigger=params.AccessSpecStopTrigger(
            access_spec_stop_trigger=enums.AccessSpecStopTriggerType.Operation_Count, operation_count_value=count
        ),
        access_command=params.AccessCommand(
            air_protocol_tag_spec=params.C1G2TagSpec(c1_g2_target_tags=[target]),
            access_command_op_specs=[*operations],
        ),
    )


def _ones(mask: bytes) -> BitStr:
    return BitStr.from_bytes(b"\xff" * len(mask))


def read(bank: int, pointer: int = 0, count: int = 0) -> params.C1G2Read:
    return params.C1G2Read(op_spec_id=1, mb=bank, word_pointer=pointer, word_count=count)


def test_a_chips_own_number_is_read(reader: LlrpReader) -> None:
    reader.put(EPC_A)

    async def play() -> bytes | None:
        async with Reader("127.0.0.1", reader.port) as connected:
            return (await connected.read_memory(bank="tid", target_epc=EPC_A, timeout=30)).data

    assert run(play()) == UhfTag(EPC_A).tid


def test_only_the_tag_that_matches_is_touched_and_only_as_often_as_asked() -> None:
    field = TagField()
    for epc in (EPC_A, EPC_B):
        field.put(UhfTag(epc))
    table = AccessSpecTable(field)
    assert table.add(spec(read(1, 1, 2), mask=EPC_A, count=2)).status_code == 0
    seen_a, seen_b = (TagRead(epc, 1, -50) for epc in (EPC_A, EPC_B))
    assert table.execute(1, seen_a) is None  # disabled, as every new one
    assert table.enable(5).status_code == 0
    assert table.execute(1, seen_b) is None
    done = table.execute(1, seen_a)
    assert done is not None
    [result] = done[1]
    assert isinstance(result, params.C1G2ReadOpSpecResult)
    assert (result.result, result.read_data) == (0, [6 << 11, 0x3074])
    assert table.execute(1, seen_a) is not None
    assert table.execute(1, seen_a) is None
    assert table.entries == {}


def test_a_pattern_can_exclude_a_tag() -> None:
    field = TagField()
    field.put(UhfTag(EPC_B))
    table = AccessSpecTable(field)
    table.add(spec(read(1), mask=EPC_A, match=False))
    table.enable(0)
    assert table.execute(1, TagRead(EPC_A, 1, -50)) is None
    assert table.execute(1, TagRead(EPC_B, 1, -50)) is not None


def test_memory_that_is_not_there_is_refused_by_the_tag() -> None:
    field = TagField()
    field.put(UhfTag(EPC_A))
    table = AccessSpecTable(field)
    write = params.C1G2Write(op_spec_id=2, mb=3, word_pointer=0, write_data=[1])
    table.add(spec(read(2, 6, 1), read(3), write, count=1))
    table.enable(5)
    done = table.execute(1, TagRead(EPC_A, 1, -50))
    assert done is not None
    assert [each.result for each in done[1]] == [
        enums.C1G2ReadResultType.Nonspecific_Tag_Error,
        enums.C1G2ReadResultType.Nonspecific_Tag_Error,
        enums.C1G2WriteResultType.Tag_Memory_Locked_Error,
    ]


def test_a_tag_that_has_left_does_not_answer() -> None:
    table = AccessSpecTable(TagField())
    table.add(spec(read(1), params.C1G2Write(op_spec_id=2, mb=1, word_pointer=1, write_data=[1])))
    table.enable(5)
    done = table.execute(1, TagRead(EPC_A, 1, -50))
    assert done is not None
    assert [each.result for each in done[1]] == [
        enums.C1G2ReadResultType.No_Response_From_Tag,
        enums.C1G2WriteResultType.No_Response_From_Tag,
    ]


def test_what_the_reader_can_not_do_with_tags_is_refused_with_its_reason(reader: LlrpReader) -> None:
    kill = spec(number=6)
    kill.access_command.access_command_op_specs = [params.C1G2Kill(op_spec_id=1, kill_password=1)]

    async def play() -> list[int]:
        async with LLRPClient("127.0.0.1", reader.port) as client:
            asked: list[LLRPMessage] = [
                messages.ADD_ACCESSSPEC(access_spec=spec(read(1))),
                messages.ADD_ACCESSSPEC(access_spec=spec(read(1))),
                messages.ADD_ACCESSSPEC(access_spec=spec(read(1), number=0)),
                messages.ADD_ACCESSSPEC(access_spec=kill),
                messages.ENABLE_ACCESSSPEC(access_spec_id=9),
                messages.DISABLE_ACCESSSPEC(access_spec_id=5),
                messages.DELETE_ACCESSSPEC(access_spec_id=9),
                messages.DELETE_ACCESSSPEC(access_spec_id=5),
            ]
            answers = [await client.transact(message) for message in asked]
            listed = await client.transact(messages.GET_ACCESSSPECS())
            assert isinstance(listed, messages.GET_ACCESSSPECS_RESPONSE)
            assert listed.access_specs == []
            return [int(answer.llrp_status.status_code) for answer in answers]  # type: ignore[attr-defined]  # all have it

    code = enums.StatusCode
    assert run(play()) == [
        0,
        code.M_DuplicateParameter,
        code.M_FieldError,
        code.P_UnsupportedParameter,
        code.M_ParameterError,
        0,
        code.M_ParameterError,
        0,
    ]


def test_a_label_that_can_not_be_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 4 words"):
        UhfTag(EPC_A, epc_words_max=4)
