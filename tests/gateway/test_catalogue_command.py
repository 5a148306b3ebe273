"""`medtap stock import`: a script gets one JSON object and an exit status, a person gets rows and mends."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from medtap.cli.app import app
from tests.gateway.ingest_kit import Database

GOOD = "product_id;name_vi;base_unit_vi\nA;Thuốc A;viên\nB;Thuốc B;ống\n"


def run(database: Database, file: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["stock", "import", str(file), "--database", database.dsn, *options])


def test_a_script_gets_one_json_object_and_an_exit_status(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "thuoc.csv"
    file.write_text(GOOD)
    tried = run(database, file, "--kind", "products", "--dry-run", "--json")
    assert tried.exit_code == 0, tried.output
    assert {key: json.loads(tried.stdout)[key] for key in ("new", "written", "problems")} == {
        "new": 2,
        "written": False,
        "problems": 0,
    }
    assert json.loads(run(database, file, "--kind", "products", "--json", "--person", "lan").stdout)["written"]
    assert json.loads(run(database, file, "--kind", "products", "--json").stdout)["same"] == 2
    assert database.value("SELECT min(username) FROM audit WHERE action = 'catalogue_import'") == "lan"


def test_a_person_gets_each_problem_with_its_mend_in_their_language(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "thuoc.csv"
    file.write_text(GOOD + "C;;viên\nB;Khác;ống\n")
    refused = run(database, file, "--kind", "products", "--language", "vi")
    assert refused.exit_code == 1
    assert "! row 5, name_vi: 'Khác': Dòng 3 ghi: Thuốc B. Hãy để hai dòng ghi giống nhau." in refused.stdout
    assert "nothing written" in refused.stdout
    assert run(database, file, "--kind", "tablets").exit_code == 2
    assert run(database, tmp_path / "none.csv", "--kind", "products").exit_code == 2
