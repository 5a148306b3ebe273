"""The house rules that no linter knows; each message says how to mend it."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("medtap", "edge", "gateway", "cards", "inventory", "firmware_sim")
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 500


def _tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [ROOT / line for line in listed.stdout.splitlines() if line.endswith(suffixes)]
    return [path for path in found if path.is_file()]


MODULES = _tracked(".py")
SHIPPED = [path for path in MODULES if path.relative_to(ROOT).parts[0] in PACKAGES]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_is_one_thing_and_its_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MODULE_LINES_MAX, (
        f"{_name(path)} is over {MODULE_LINES_MAX} lines: split it by what it does"
    )
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{_name(path)}:{node.lineno} {node.name} has {lines} lines: split it"


@pytest.mark.parametrize("path", SHIPPED, ids=_name)
def test_shipped_code_promises_nothing_for_later(path: Path) -> None:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", line)
        assert found is None, f"{_name(path)}:{number}: {line.strip()}: do it now or file it as an issue"


@pytest.mark.parametrize("path", SHIPPED, ids=_name)
def test_a_module_says_in_its_first_line_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{_name(path)} has no docstring: say what it is"


@pytest.mark.parametrize("path", _tracked(".md"), ids=_name)
def test_a_document_has_one_title(path: Path) -> None:
    outside_code = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    titles = [line for line in outside_code.splitlines() if line.startswith("# ")]
    assert len(titles) == 1, f"{_name(path)} has {len(titles)} titles: one '# ' line, at the top"


def test_every_package_says_what_it_is() -> None:
    missing = [package for package in PACKAGES if not (ROOT / package / "README.md").is_file()]
    assert missing == []
