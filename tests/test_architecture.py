"""The rules of import, as import-linter reads them from pyproject.toml."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_packages_import_only_what_the_design_allows() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_the_rules_find_an_edge_driver_that_reaches_for_stock(tmp_path: Path) -> None:
    """A rule that can't fail is worth nothing: break it in a copy and see it found."""
    for package in ("medtap", "gateway", "edge", "cards", "inventory", "firmware_sim"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / "inventory" / "ledger.py").write_text("")
    (tmp_path / "edge" / "contracts").mkdir()
    (tmp_path / "edge" / "contracts" / "__init__.py").write_text("")
    (tmp_path / "edge" / "driver.py").write_text("import inventory.ledger\n")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "An edge node does not know stock BROKEN" in done.stdout
