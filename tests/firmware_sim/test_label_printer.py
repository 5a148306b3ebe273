"""Labels of `inventory` printed by the simulated printer, and read back by zxing-cpp: another program than the drawer.

The printer draws symbols with pystrich; zxing-cpp and pystrich share no code.
"""

import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from firmware_sim.label_printer import LabelPrinter, interpret
from firmware_sim.zpl_commands import split_commands
from firmware_sim.zpl_page import PrintedLabel
from gateway.printing.raw_tcp import PrinterAddress, PrinterUnreachableError, send_zpl
from inventory.content_checks import CSET82
from inventory.pack_identity import InternalIdentity, PackIdentity
from inventory.scan import parse_scan
from inventory.zpl import Media
from inventory.zpl_label import (
    Controlled,
    DispenseLabel,
    PackLabel,
    ShelfLabel,
    Storage,
    dispense_label,
    font_label,
    pack_label,
    shelf_label,
)
from medtap.cli.app import app

GTIN = "08934567890120"
IDENTITY = PackIdentity(GTIN, "A/B_1-%2", date(2027, 2, 28), "SN_0001x")
TODAY = date(2026, 11, 22)
LETTERS = st.text(alphabet=CSET82, max_size=20)


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[LabelPrinter]:
    with LabelPrinter(400, 240, tmp_path) as switched_on:
        yield switched_on


def printed(zpl: str, media: Media) -> PrintedLabel:
    [label] = interpret(zpl.encode("ascii"), media.dots(media.width_mm), media.dots(media.height_mm))
    assert label.complaints == ()
    return label


def read(image: Image.Image) -> zxingcpp.Barcode:
    [code] = zxingcpp.read_barcodes(image)
    return code


@pytest.mark.parametrize("dots_per_mm", [8, 12])
def test_a_printed_pack_is_read_as_what_was_meant(dots_per_mm: int) -> None:
    media = Media(50, 30, 8 if dots_per_mm == 8 else 12)
    name = "Morphin hydroclorid 10 mg/ml, thuốc tiêm, hộp 10 ống, đường dùng: tiêm bắp, tiêm dưới da"
    label = printed(
        pack_label(
            PackLabel(IDENTITY, name, Storage.FRIDGE, protect_from_light=True, controlled=Controlled.NARCOTIC), media
        ),
        media,
    )
    code = read(label.image)
    assert (str(code.format), code.symbology_identifier) == ("Data Matrix", "]d2")
    assert code.bytes == b"01089345678901201727022810A/B_1-%2\x1d21SN_0001x"
    scan = parse_scan(code.symbology_identifier + code.bytes.decode(), TODAY)
    assert (scan.valid, scan.gtin, scan.lot, scan.serial_number) == (True, GTIN, "A/B_1-%2", "SN_0001x")
    assert " ".join(label.texts[:4]).replace("  ", " ").startswith(" ".join(IDENTITY.readable))
    assert {"HSD: 28/02/2027", "Lô: A/B_1-%2", "GÂY NGHIỆN", "TỦ LẠNH 2-8°C", "TRÁNH ÁNH SÁNG"} <= set(label.texts)
    assert any(text.endswith("...") for text in label.texts)


def test_a_pack_without_gtin_gets_a_code_for_this_house() -> None:
    media = Media(50, 30)
    identity = InternalIdentity("THUOC-0042", "L1", date(2027, 2, 28), "7")
    label = printed(pack_label(PackLabel(identity, "Cao lỏng Ích mẫu"), media), media)
    code = read(label.image)
    assert (code.symbology_identifier, code.bytes) == ("]d2", b"91THUOC-0042\x1d92L1\x1d93270228\x1d947")
    scan = parse_scan(code.symbology_identifier + code.bytes.decode(), TODAY)
    assert (scan.valid, scan.gtin, scan.lot) == (True, None, None)
    assert [str(element) for element in scan.elements] == list(identity.readable)
    assert "Lô: L1" in label.texts


@settings(max_examples=25, deadline=None)
@given(LETTERS, LETTERS, st.dates(date(2020, 1, 1), date(2049, 12, 31)), st.text(max_size=40))
def test_whatever_a_pack_is_called_its_code_reads_as_it_was_given(
    lot: str, serial: str, expiry: date, name: str
) -> None:
    media = Media(70, 40)
    identity = PackIdentity(GTIN, lot, expiry, serial)
    label = printed(pack_label(PackLabel(identity, name, Storage.ROOM), media), media)
    code = read(label.image)
    assert code.symbology_identifier == "]d2"
    assert code.bytes.decode() == identity.message


def test_a_patients_label_says_all_in_vietnamese() -> None:
    media = Media(70, 40)
    instructions = "Uống 1 gói x 3 lần mỗi ngày, sau ăn, đủ 7 ngày. Hòa với 10 ml nước đun sôi để nguội."
    label = printed(
        dispense_label(
            DispenseLabel(
                hospital="Bệnh viện Nhi đồng Thành phố",
                patient_name="Nguyễn Thị Ánh Dương",
                patient_number="NB-000123",
                name_vi="Amoxicillin 250 mg, gói bột pha hỗn dịch uống",
                quantity="21 gói",
                instructions=instructions,
                dispensed_on=date(2026, 11, 22),
                dispensed_by="DS. Lê Văn Hổ",
                identity=IDENTITY,
            ),
            media,
        ),
        media,
    )
    text = " ".join(label.texts)
    assert instructions in text
    assert "Nguyễn Thị Ánh Dương - NB-000123" in text
    assert "Cấp phát 22/11/2026: DS. Lê Văn Hổ" in text
    assert read(label.image).bytes.decode() == IDENTITY.message


@pytest.mark.parametrize(("symbol", "prefix"), [("qr", "]Q1"), ("datamatrix", "]d1")])
def test_a_shelf_label_leads_to_its_product(symbol: str, prefix: str) -> None:
    media = Media(70, 30)
    link = IDENTITY.digital_link("https://kho.benhvien.example")
    chosen = ShelfLabel("Tủ lạnh 2, ngăn trên", "TL2-A-01", link, "Vắc xin", "qr" if symbol == "qr" else "datamatrix")
    label = printed(shelf_label(chosen, media), media)
    code = read(label.image)
    assert (code.text, code.symbology_identifier) == (link, prefix)
    assert parse_scan(code.text, TODAY).lot == "A/B_1-%2"
    assert {"Tủ lạnh 2, ngăn trên", "TL2-A-01", "Vắc xin"} <= set(label.texts)


def test_the_test_label_shows_every_vietnamese_letter() -> None:
    media = Media(70, 40)
    shown = set("".join(printed(font_label(media), media).texts))
    assert set("ăâđêôơưằắẳẵặầấẩẫậềếểễệồốổỗộờớởỡợừứửữựỳýỷỹỵẰẮẲẴẶẦẤẨẪẬỀẾỂỄỆỒỐỔỖỘỜỚỞỠỢỪỨỬỮỰ") <= shown


def test_a_job_is_printed_and_kept_as_a_picture(printer: LabelPrinter, tmp_path: Path) -> None:
    zpl = pack_label(PackLabel(IDENTITY, "Paracetamol"), Media(), copies=4)
    send_zpl(PrinterAddress("127.0.0.1", printer.port), zpl)
    send_zpl(PrinterAddress("127.0.0.1", printer.port), zpl)
    assert [label.copies for label in printer.wait_for(2)] == [4, 4]
    assert read(Image.open(tmp_path / "label-0002.png")).bytes.decode() == IDENTITY.message


def test_the_command_prints_on_a_printer(printer: LabelPrinter) -> None:
    asked = ["label", "print", "--gtin", GTIN, "--lot", "L1", "--expiry", "2027-02-28", "--serial", "7"]
    done = CliRunner().invoke(app, [*asked, "--name", "Ước mơ", "--printer", f"127.0.0.1:{printer.port}"])
    assert done.exit_code == 0, done.output
    [label] = printer.wait_for(1)
    assert read(label.image).bytes == b"01089345678901201727022810L1\x1d217"
    assert "Ước mơ" in label.texts


def test_the_command_writes_zpl_and_refuses_what_is_wrong() -> None:
    run = CliRunner()
    right = ["label", "print", "--gtin", GTIN, "--lot", "L1"]
    assert run.invoke(app, [*right, "--zpl"]).stdout.startswith("^XA^CI28")
    assert "_191THUOC-1" in run.invoke(app, ["label", "print", "--product-id", "THUOC-1", "--zpl"]).stdout
    assert "^GB" not in run.invoke(app, ["label", "test", "--zpl"]).stdout
    dispense = ["label", "dispense", "--hospital", "BV", "--patient", "An", "--patient-number", "1", "--name", "Thuốc"]
    dispense += ["--quantity", "1 gói", "--instructions", "Uống", "--person", "DS", "--date", "2026-11-22", "--zpl"]
    assert "22/11/2026" in run.invoke(app, dispense).stdout
    shelf = ["label", "shelf", "--place", "Kệ 1", "--code", "K1", "--gtin", GTIN, "--storage", "fridge", "--zpl"]
    assert f"MA,https://id.gs1.org/01/{GTIN}^FS" in run.invoke(app, shelf).stdout
    for wrong, complaint in (
        ([*right], "either --printer"),
        ([*right, "--zpl", "--printer", "x"], "either --printer"),
        ([*right, "--printer", "a b:0"], "expected host or host:port"),
        ([*right, "--zpl", "--expiry", "28/02/2027"], "YYYY-MM-DD"),
        ([*right, "--zpl", "--size", "klein"], "50x30"),
        ([*right, "--zpl", "--dpi", "600"], "203 or 300"),
        ([*right, "--zpl", "--product-id", "X"], "either --gtin or --product-id"),
        ([*right, "--zpl", "--serial", "1", "--copies", "2"], "one pack"),
        (["label", "print", "--zpl", "--gtin", "08934567890121"], "expected 0"),
        (["label", "shelf", "--zpl", "--place", "K", "--code", "1"], "--gtin or --link"),
    ):
        done = run.invoke(app, wrong)
        assert done.exit_code == 2, wrong
        assert complaint in " ".join(done.output.replace("│", " ").split()), wrong


def test_a_printer_that_is_not_there_is_named_with_what_to_look_at() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(PrinterUnreachableError, match=rf"127\.0\.0\.1:{port}: Connection refused; check that it is on"):
        send_zpl(PrinterAddress("127.0.0.1", port), "^XA^XZ")
    done = CliRunner().invoke(app, ["label", "print", "--gtin", GTIN, "--printer", f"127.0.0.1:{port}"])
    assert (done.exit_code, "Connection refused" in done.stderr) == (1, True)


def test_a_printer_that_takes_no_more_is_not_waited_for_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as full:
        address = PrinterAddress("127.0.0.1", full.getsockname()[1])
        with pytest.raises(PrinterUnreachableError, match="only a part"):
            send_zpl(address, "^XA" + "x" * 40_000_000 + "^XZ", send_s=0.5)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("kho-zebra", PrinterAddress("kho-zebra", 9100)),
        ("10.1.2.3:6101", PrinterAddress("10.1.2.3", 6101)),
        ("[fe80::1]:9100", PrinterAddress("fe80::1", 9100)),
        ("[fe80::1]", PrinterAddress("fe80::1", 9100)),
    ],
)
def test_a_printers_address_is_read_as_people_write_it(text: str, address: PrinterAddress) -> None:
    assert PrinterAddress.parse(text) == address
    assert PrinterAddress.parse(str(address)) == address


def test_this_printer_would_notice_a_label_that_overlaps_or_overflows() -> None:
    """The checks of the other tests rest on these complaints."""
    head, tail = "^XA^CI28^FO0,0^BXN,3,200,10,10,,_^FDA^FS", "^XZ"
    over = interpret(f"{head}^FO5,5^A0N,30,30^FDMMM^FS{tail}".encode(), 200, 100)[0]
    assert over.complaints == ("text 'MMM' lies over other print",)
    beyond = interpret(f"{head}^FO150,5^A0N,30,30^FDMMM^FS{tail}".encode(), 200, 100)[0]
    assert beyond.complaints == ("text 'MMM' leaves the label",)
    unknown = interpret(b"^XA^CWZ,E:X.TTF^JZY^FO0,0^AZN,9,9^FDa^FS^FO0,0^BXN,3,200,12,12,,_^FD_9^FS^XZ", 200, 100)[0]
    assert [each.split(":")[0] for each in unknown.complaints] == [
        "no font file E",
        "unknown command ^JZ",
        "font Z is not defined",
        "escape sequence '_9' in '_9'",
    ]


@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    assert sum(len(each.parameters) for each in split_commands(data)) <= len(data)
