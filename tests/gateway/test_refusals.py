"""Refusals: each that the code can make has a sentence in both languages, whole, and told by names and units."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from gateway.pages.refusal_words import REFUSALS
from gateway.pages.refusals import PLAIN, TELLERS, Teller, subjects
from gateway.pages.speech import Speech
from gateway.pages.translations import read_catalogues
from gateway.stock import errors
from gateway.stock.names import Names, ProductName
from inventory.errors import InventoryError
from inventory.stocktake import StocktakeError

PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")
FAMILY: Final = {name for name in vars(errors) if name.endswith("Error")}
BOOKS: Final = {one.__name__: one for one in (InventoryError, StocktakeError)}
SAID_OTHERWISE: Final = {"CodeError", "EpcError", "NdefError", "CellError", "TableFileError", "LabelError"}
"""By `pages.reasons` and `pages.catalogue_words`, each with a test of its own."""
MODEL: Final = "inventory/ledger.py"
"""What tests hold the books against; nobody is told its refusals."""


def _families(kind: type[InventoryError]) -> Iterator[type[InventoryError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _families(below)


def _raised() -> Iterator[tuple[str, str, str, dict[str, ast.expr], bool]]:
    """(where, class, code, values, whether all of them are spelled out) of each refusal in the code."""
    usual = {one.__name__: one.usual_code for one in _families(InventoryError)}
    for package in ("gateway", "inventory"):
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text() if not path.match(MODEL) else "")):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                    continue
                where, name = f"{path.relative_to(root.parent)}:{node.lineno}", node.func.id
                values = {one.arg: one.value for one in node.keywords if one.arg}
                whole = len(values) == len(node.keywords)
                if name in FAMILY:
                    yield from ((where, name, code, values, whole) for code in _codes(_first(node)))
                elif name in usual and name not in SAID_OTHERWISE:
                    given = values.pop("code", None)
                    codes = _codes(given) if given is not None else (usual[name],)
                    yield from ((where, name, code, values, whole) for code in codes)


def _first(node: ast.Call) -> ast.expr:
    first = node.args[0]
    return first.value.elts[0] if isinstance(first, ast.Starred) and isinstance(first.value, ast.Tuple) else first


def _codes(given: ast.expr) -> tuple[str, ...]:
    """Of a literal, or of either branch of a choice; one that is handed on names no code here."""
    if isinstance(given, ast.IfExp):
        return _codes(given.body) + _codes(given.orelse)
    return (str(given.value),) if isinstance(given, ast.Constant) else ()


def test_every_refusal_that_the_code_makes_has_a_sentence() -> None:
    raised = list(_raised())
    assert len(raised) > 150
    unsaid = [(where, code) for where, _, code, _, _ in raised if code not in REFUSALS]
    assert unsaid == []


def test_every_refusal_has_the_facts_that_its_sentence_tells() -> None:
    for where, _, code, values, whole in _raised():
        needed = set(PLACEHOLDER.findall(REFUSALS.get(code, "")))
        assert not whole or needed <= set(values), (where, code, needed - set(values))


def test_every_fact_has_a_way_to_be_told() -> None:
    used = {name for sentence in REFUSALS.values() for name in PLACEHOLDER.findall(sentence)}
    assert used - set(TELLERS) - PLAIN == set()


NOW: Final = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
NAMES: Final = Names(
    {"PARA500": ProductName("Paracetamol 500 mg", "Paracetamol 500 mg", "viên", "tablet")},
    {"store": ("Kho chính", "Main store"), "ward-1": ("Khoa Nhi 1", "Ward 1")},
    {"lan": "Trần Thị Lan"},
)
FACTS: Final[dict[str, Any]] = {
    **dict.fromkeys(("product", "books_product"), "PARA500"),
    "place": "store",
    "account": "place:store",
    "elsewhere": ["place:ward-1", "place:store"],
    "person": "lan",
    "holders": ["lan, PX26-000001"],
    "account_name": "lan",
    "text": "12x",
    "ticket": "TM-012",
    "phase": "waiting",
    "epc": "30AB",
    "pack": "S1",
    "gtin": "08934567890128",
    "number": "PX26-000001",
    "arrival": "PN26-000002",
    **dict.fromkeys(("lot", "code_lot", "books_lot"), "L1"),
    **{name: 120 for name in TELLERS if TELLERS[name] is TELLERS["quantity"]},
    "count": 3,
    "most": 1000,
    "state": "waiting_second",
    "decision": "missing",
    "outcome": "not_seen",
    "fitting": ["noted", "seen_by_eye"],
    "needed": "refrigerator",
    "stored": "room",
    "problem": "check_digit",
    **dict.fromkeys(("at", "began_at"), NOW),
    **dict.fromkeys(("first", "last", "date"), date(2027, 1, 31)),
    "why": [
        {"why": "on_hold", "since": NOW, "by": "lan", "reason": "chờ kiểm nghiệm"},
        {"why": "expired", "expiry_date": date(2026, 1, 31)},
    ],
}
OURS: Final = "Paracetamol 500 mg|PX26-000001|PN26-000002|GTIN|RFID|S1|L1|30AB|12x|lan"


def _teller(language: str) -> Teller:
    return Teller(Speech(read_catalogues()[language], ZoneInfo("Asia/Ho_Chi_Minh")), NAMES)


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_refusal_is_wholly_vietnamese_and_wholly_told(code: str) -> None:
    needed = PLACEHOLDER.findall(REFUSALS[code])
    said = _teller("vi").sentence(code, {name: FACTS[name] for name in needed})
    assert "%(" not in said
    assert re.search("[ăâđêôơưạảãáàẹẻẽéèịỉĩíìọỏõóòụủũúùỵỷỹýỳấầẩẫậắằẳẵặếềểễệốồổỗộớờởỡợứừửữự]", said)
    foreign = re.compile(
        r"\b(the|is|was|are|not|of|by|since|lot|pack|place|until|hold|expired|on_hold|waiting|missing|store|expected"
        r"|already|None|refrigerator|room)\b"
    )
    assert foreign.findall(re.sub(OURS, "", said)) == []
    assert not re.search(r"\d{4}-\d{2}-\d{2}|place:|PARA500", said)
    assert said.rstrip().endswith("."), said


def test_a_refusal_names_things_as_people_do() -> None:
    vi, en = _teller("vi"), _teller("en")
    facts = {name: FACTS[name] for name in ("product", "lot", "why")}
    assert vi.sentence("not_given_out", facts) == (
        "Paracetamol 500 mg, lô L1 không được xuất: tạm giữ từ 22/11/2026 10:30, do Trần Thị Lan: chờ kiểm nghiệm; đã"
        " hết hạn ngày 31/01/2026. Hãy để riêng ra."
    )
    assert "on hold since 22/11/2026 10:30, by Trần Thị Lan" in en.sentence("not_given_out", facts)
    short = {"product": "PARA500", "lot": "", "account": "place:store", "wanted": 1200, "free": 30}
    assert vi.sentence("too_little", {**short, "on_hand": 90, "promised": 60}) == (
        "Paracetamol 500 mg, lô (không số lô), tại Kho chính: cần 1.200 viên nhưng chỉ còn dùng được 30 viên (tồn 90"
        " viên, đã giữ chỗ 60 viên). Hãy sửa số lượng, số lô hoặc nơi để."
    )


def test_whose_names_are_needed_follows_from_the_facts() -> None:
    assert subjects(FACTS) == ({"PARA500"}, {"store", "ward-1"}, {"lan"})


def test_a_refusal_without_its_facts_says_at_least_that_nothing_was_done() -> None:
    assert _teller("vi").sentence("too_little", {}).startswith("Không ghi sổ được như yêu cầu.")
    assert _teller("en").sentence("never heard of", {}).startswith("This can't be booked")
