"""Every paper names the hospital as the hospital wants to be named, and its people by the titles that they have."""

import ast
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

import gateway.reports
from gateway.errors import SiteFileError
from gateway.reports.document import SIGNATURE_TITLES, Document, Signature, Signatures
from gateway.reports.pdf import render
from gateway.services.site_file import import_site, parse_site
from gateway.stock.letterhead import letterhead_of
from medtap.cli.app import app
from tests.gateway.ingest_kit import Database

pytestmark = pytest.mark.integration
AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
HOSPITAL = {
    "authority": "SỞ Y TẾ TP. HỒ CHÍ MINH",
    "name": "BỆNH VIỆN NHI",
    "address": "1 Đường Số 1, TP. Hồ Chí Minh",
    "signature_titles": {"Thủ kho": "Thủ kho chính"},
}


def printed(database: Database) -> str:
    """The text of a paper with a signature."""
    with database.pool.connection() as connection:
        letterhead = letterhead_of(connection, AT, "DS. Lan")
    signers = Signatures((Signature("Thủ kho"), Signature("Trưởng khoa Dược")))
    paper = render(Document(letterhead, "THẺ KHO", (signers,)))
    return " ".join(PdfReader(io.BytesIO(paper)).pages[0].extract_text().split())


def test_a_paper_has_the_hospitals_name_address_and_titles_from_the_site_file(database: Database) -> None:
    before = printed(database)
    assert ("Khoa Dược" in before, "Thủ kho chính" in before) == (True, False), "what nobody entered has its default"
    with database.pool.connection() as connection:
        import_site(connection, parse_site({"hospital": HOSPITAL}))
    text = printed(database)
    for said in (
        "SỞ Y TẾ TP. HỒ CHÍ MINH",
        "BỆNH VIỆN NHI",
        "Khoa Dược",
        "1 Đường Số 1",
        "Thủ kho chính",
        "Trưởng khoa",
    ):
        assert said in text
    with database.pool.connection() as connection:
        import_site(connection, parse_site({"hospital": {"department": "Khoa Dược và Vật tư"}}))
    text = printed(database)
    assert ("Khoa Dược và Vật tư" in text, "1 Đường Số 1" in text) == (True, True), "what is left out stays"


def test_a_title_that_no_paper_has_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SiteFileError, match=r"no paper has the title 'Thu kho': expected one of .*Thủ kho"):
        parse_site({"hospital": {"signature_titles": {"Thu kho": "x"}}})


def test_the_command_shows_and_sets_what_is_printed(database: Database) -> None:
    run = CliRunner().invoke
    done = run(app, ["hospital", "set", database.dsn, "--name", "BỆNH VIỆN A", "--title", "Thủ kho=Người giữ kho"])
    assert (done.exit_code, "BỆNH VIỆN A" in done.output) == (0, True), done.output
    assert "Người giữ kho" in printed(database)
    cleared = run(app, ["hospital", "set", database.dsn, "--name", "", "--title", "Thủ kho=", "--json"])
    assert ('"signature_titles": {}' in cleared.output, "BỆNH VIỆN A" in cleared.output) == (True, False)
    assert run(app, ["hospital", "show", database.dsn]).exit_code == 0
    for wrong in ("Thủ kho", "Thu kho=x"):
        assert run(app, ["hospital", "set", database.dsn, "--title", wrong]).exit_code == 2


def test_every_title_above_a_signature_of_our_papers_can_be_changed() -> None:
    used = set()
    for path in Path(gateway.reports.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Signature":
                assert isinstance(node.args[0], ast.Constant)
                used.add(node.args[0].value)
    assert used == SIGNATURE_TITLES
