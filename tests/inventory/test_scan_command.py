"""`medtap scan`: the same reading from the command line, for a person and for a script."""

import json
import random
import subprocess
import sys

from typer.testing import CliRunner

from medtap.cli.scan import app

GTIN = "08935234567895"
KEYS = {
    *("input", "kind", "valid", "errors", "warnings", "elements", "gtin", "lot", "expiry_date", "production_date"),
    *("serial_number", "sscc", "epc_uri", "epc_tag_uri"),
}
"""Of each answer."""
runner = CliRunner()


def test_a_script_gets_one_object_and_an_exit_code() -> None:
    good = runner.invoke(app, ["parse", f"01{GTIN}17260200", "--json", "--today", "2026-11-22"])
    assert good.exit_code == 0
    assert json.loads(good.stdout)["expiry_date"] == "2026-02-28"
    bad = runner.invoke(app, ["parse", "8935234567890", "--json"])
    assert bad.exit_code == 1
    assert "expected 5" in json.loads(bad.stdout)["errors"][0]


def test_today_decides_the_century() -> None:
    found = runner.invoke(app, ["parse", f"01{GTIN}17760131", "--json", "--today", "2027-01-01"])
    assert json.loads(found.stdout)["expiry_date"] == "2076-01-31"
    found = runner.invoke(app, ["parse", f"01{GTIN}17760131", "--json", "--today", "2025-01-01"])
    assert json.loads(found.stdout)["expiry_date"] == "1976-01-31"


def test_a_person_gets_a_table() -> None:
    shown = runner.invoke(app, ["parse", f"01{GTIN}17261200|10A", "--separator", "|"])
    lines = [line.split(maxsplit=1) for line in shown.stdout.splitlines()]
    assert ["valid", "yes"] in lines
    assert ["expiry_date", "2026-12-31"] in lines
    assert any(name == "warning" for name, _ in lines)


def test_several_symbols_of_one_pack_are_judged_together() -> None:
    found = runner.invoke(app, ["parse", "8935234567895", "]C11726123110LOT7", "--json", "--today", "2026-11-22"])
    assert found.exit_code == 0
    pack = json.loads(found.stdout)
    assert (pack["gtin"], pack["lot"], pack["expiry_date"]) == (GTIN, "LOT7", "2026-12-31")
    assert pack["warnings"] == []
    assert runner.invoke(app, ["parse", "8935234567895", "4006381333931"]).exit_code == 1, "of different packs"
    assert runner.invoke(app, ["parse", "8935234567895", "079201001234"]).exit_code == 2, "a person is no pack"


def test_lines_in_give_lines_out_one_for_one() -> None:
    """Python takes GS for the end of a line; a scanner does not."""
    lines = [f"01{GTIN}10A\x1d21B".encode(), b"", b"ABC\r", "thuốc".encode(), b"\xff\xfe", b"epc:30"]
    done = subprocess.run(
        [sys.executable, "-m", "medtap", "scan", "parse", "--stdin", "--today", "2026-11-22"],
        input=b"\n".join(lines) + b"\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b""
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["input"] for answer in answers] == [f"01{GTIN}10A\x1d21B", "", "ABC", "thuốc", "ÿþ", "epc:30"]
    assert answers[0]["serial_number"] == "B"


def test_whatever_stands_on_a_line_there_is_one_answer_for_it_and_nothing_raises() -> None:
    rng = random.Random(7)  # noqa: S311 - the same bytes each time
    lines = [rng.randbytes(rng.randrange(60)).replace(b"\n", b"x") for _ in range(2000)]
    lines += [b"A" * 1_000_000, b"(01)" * 250_000, b"\0" * 5000, b"\xff" * 5000, "\u2028\x85\x0b\x0c\x1c".encode()]
    lines += [b"ndef:" + b"d1" * 1500, b"epc:" + b"30" * 1500, b"ndef:" + b"d1" * 500_000, b"epc:" + b"30" * 500_000]
    lines += [b"https://id.gs1.org/" + b"01/" * 1300, b"]d2" + b"\x1d" * 4000, b"no line ending"]
    done = runner.invoke(app, ["parse", "--stdin", "--today", "2026-11-22"], input=b"\n".join(lines))
    assert (done.exit_code, done.stderr) == (1, "")
    answers = [json.loads(line) for line in done.stdout_bytes.split(b"\n")[:-1]]
    assert len(answers) == len(lines)
    assert all(set(answer) == KEYS for answer in answers)
    assert all(answer["errors"] for answer in answers if not answer["valid"]), "each refusal says why"


def test_what_is_asked_wrongly_is_said() -> None:
    for arguments in (["parse"], ["parse", "A", "--stdin"], ["parse", "A", "--today", "22.11.2026"]):
        assert runner.invoke(app, arguments).exit_code == 2
    assert runner.invoke(app, ["parse", "A", "--separator", "GS"]).exit_code == 2


def test_an_epc_is_encoded_for_a_tag() -> None:
    uri = "urn:epc:tag:sgtin-96:3.0614141.812345.6789"
    assert runner.invoke(app, ["encode-epc", uri]).stdout == "3074257BF7194E4000001A85\n"
    found = json.loads(runner.invoke(app, ["encode-epc", uri, "--filter", "1", "--json"]).stdout)
    assert found == {"input": uri, "valid": True, "errors": [], "hex": "3034257BF7194E4000001A85"}
    bad = runner.invoke(app, ["encode-epc", "urn:epc:id:sgtin:1", "--json"])
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["hex"] is None
    assert runner.invoke(app, ["encode-epc", "nonsense"]).exit_code == 1
