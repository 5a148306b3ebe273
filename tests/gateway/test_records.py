"""Records of the cold chain on a real database: instruments, certificates, reports, exports, mappings."""

import io
import json
import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import jsonschema
import psycopg
import pypdf
import pytest
from typer.testing import CliRunner

from gateway.records import calibration, journal, mapping, sensors
from gateway.records.acknowledgements import journal as answers
from gateway.records.appliances import Appliance, places
from gateway.records.appliances import enter as enter_appliance
from gateway.records.corrections import Corrections
from gateway.records.ds01_transfer import transmission
from gateway.records.errors import RecordError
from gateway.records.excursion_document import excursion_document, read_excursion
from gateway.records.mapping_document import mapping_document
from gateway.records.month_document import month_document
from gateway.records.place_record import PlaceRecord, month_span, read_record
from gateway.records.readings_csv import readings_csv
from gateway.records.sensors import SINCE_EVER, SensorFacts
from gateway.reports.pdf import render
from medtap.cli.app import app
from tests.gateway import records_kit as kit
from tests.gateway.ingest_kit import NOW, Database, Node, readings_from
from tests.inventory.published_vectors import find_vectors

pytestmark = pytest.mark.integration
PDF = b"%PDF-1.4 a certificate\n%%EOF\n"


def _text(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def _refused(connection: kit.Connection, code: str, act: object, *values: object, **named: object) -> None:
    with pytest.raises(RecordError) as refused, connection.transaction():
        act(connection, *values, **named)  # type: ignore[operator] # one of the services
    assert refused.value.code == code


def test_a_certificate_corrects_readings_from_its_day_on_and_goes_with_its_instrument(database: Database) -> None:
    day = date(2026, 11, 20)
    with psycopg.connect(database.dsn) as connection:
        fridge = kit.add_fridge(connection, kit.FRIDGE, "t-k")
        other = kit.add_fridge(connection, "fridge-l", "t-l", "Tủ lạnh vắc-xin 2")
        one = sensors.register(connection, SensorFacts("S-1", "Maxim"), "lan")
        sensors.connect(connection, one, fridge, SINCE_EVER, "lan")
        made = calibration.enter(connection, one, kit.certificate(), "lan", kit.ZONE, today=day, file=("cert.pdf", PDF))
        before, after = datetime(2026, 1, 14, 16, 59, tzinfo=UTC), datetime(2026, 1, 14, 17, 0, tzinfo=UTC)
        known = Corrections.read(connection, [fridge, other])
        assert [known.celsius(fridge, at, 5.3) for at in (before, after)] == [5.3, 5.0]

        # What the wire brought is kept; a wrong certificate is withdrawn and never deleted, its file proves itself.
        assert calibration.file_of(connection, made) == ("cert.pdf", PDF)
        _refused(connection, "certificate_twice", calibration.enter, one, kit.certificate(), "lan", kit.ZONE, today=day)
        for code, bad in (("file_no_pdf", b"GIF89a"), ("file_cut", PDF[:12])):
            named = kit.certificate(f"C-{code}")
            _refused(connection, code, calibration.enter, one, named, "lan", kit.ZONE, today=day, file=("x.pdf", bad))
        ahead = kit.certificate("C-ahead", date(2027, 1, 1))
        _refused(connection, "performed_ahead", calibration.enter, one, ahead, "lan", kit.ZONE, today=day)

        # Moved to another fridge: its certificate counts there from then on, and no longer here.
        moved = datetime(2026, 10, 1, tzinfo=UTC)
        _refused(connection, "connected_before", sensors.connect, one, other, SINCE_EVER - timedelta(days=1), "lan")
        sensors.connect(connection, one, other, moved, "lan")
        known = Corrections.read(connection, [fridge, other])
        assert [known.celsius(fridge, at, 5.3) for at in (moved - timedelta(1), moved)] == [5.0, 5.3]
        assert [known.celsius(other, at, 5.3) for at in (moved - timedelta(1), moved)] == [5.3, 5.0]
        assert [stay.place_id for stay in sensors.stays_of(connection, one)] == ["fridge-l", kit.FRIDGE]
        assert connection.execute("SELECT device_key FROM calibration").fetchall() == [(other,)]
        sensors.disconnect(connection, one, moved + timedelta(days=1), "lan")
        assert connection.execute("SELECT device_key FROM calibration").fetchall() == [(None,)]

        _refused(connection, "reason_missing", calibration.withdraw, made, "lan", " ")
        calibration.withdraw(connection, made, "lan", "của nhiệt kế khác")
        assert Corrections.read(connection, [fridge, other]).pieces == {}
        (kept,) = calibration.certificates_of(connection, one)
        assert (kept.withdrawn_reason, kept.points[1]) == ("của nhiệt kế khác", (5.3, -0.3, 0.15))
        acts = [line.act for line in journal.changes_of(connection, "sensor", one)]
        assert acts == ["entered", "connected", "connected", "disconnected"]
        with pytest.raises(psycopg.errors.RaiseException), connection.transaction():
            connection.execute("DELETE FROM record_change")


def test_a_second_instrument_of_one_serial_number_is_refused_unless_a_person_has_looked(database: Database) -> None:
    with psycopg.connect(database.dsn) as connection:
        fridge = kit.add_fridge(connection, kit.FRIDGE, "t-k")
        one = sensors.register(connection, SensorFacts("28-0001", "Maxim"), "lan")
        sensors.connect(connection, one, fridge, SINCE_EVER, "lan")
        with pytest.raises(RecordError) as refused, connection.transaction():
            sensors.register(connection, SensorFacts("28-0001 ", "MAXIM"), "lan")
        assert refused.value.values["where"] == "Tủ lạnh vắc-xin 1"
        sensors.register(connection, SensorFacts("28-0001", "Berlinger"), "lan")
        assert sensors.twins(connection) == set()
        twin = sensors.register(connection, SensorFacts("28-0001", "Maxim"), "lan", shares_serial=True)
        assert sensors.twins(connection) == {one, twin}
        sensors.correct(connection, twin, SensorFacts("28-0002", "Maxim"), "hoa", shares_serial=False)
        assert sensors.twins(connection) == set()
        (change,) = journal.changes_of(connection, "sensor", twin)[1:]
        assert (change.changed_by, change.before["serial_number"]) == ("hoa", "28-0001")


def test_a_new_certificate_takes_back_what_the_wrong_readings_found(database: Database) -> None:
    start = NOW - timedelta(hours=1)
    node = Node()
    database.take(node.readings(*readings_from(start, [5.0, 8.3, 8.3, 8.3, 5.0], every_s=300)))
    assert database.rows("SELECT peak_celsius, taken_back_at IS NULL FROM excursion") == [(8.3, True)]
    device_key = database.value("SELECT device_key FROM device WHERE device_id = 'fridge-1-probe'")
    with psycopg.connect(database.dsn) as connection:
        one = sensors.register(connection, SensorFacts("S-1"), "lan")
        sensors.connect(connection, one, device_key, SINCE_EVER, "lan")
        made = calibration.enter(connection, one, kit.certificate(), "lan", kit.ZONE, today=date(2026, 11, 22))
    database.take(node.readings(*readings_from(NOW, [5.0])))
    assert database.rows("SELECT taken_back_at IS NULL FROM excursion") == [(False,)]
    assert database.rows("SELECT reason FROM excursion_change") == [("recalibrated",)]
    # The readings themselves stay as the wire brought them; withdrawn, the certificate takes its own work back.
    assert database.value("SELECT max(temperature_celsius) FROM reading") == 8.3
    with psycopg.connect(database.dsn) as connection:
        calibration.withdraw(connection, made, "lan", "nhầm nhiệt kế")
    database.take(node.readings(*readings_from(NOW + timedelta(minutes=5), [5.0])))
    assert database.rows("SELECT count(*) FROM excursion WHERE taken_back_at IS NULL") == [(1,)]


@pytest.fixture
def november(database: Database) -> tuple[PlaceRecord, kit.Furnished]:
    """The refrigerator's November, as far as it is known."""
    with psycopg.connect(database.dsn) as connection:
        made = kit.furnish(connection)
        plate = Appliance("Vestfrost", "VLS 204", "SN-77", "E003/040", date(2023, 5, 1))
        enter_appliance(connection, kit.FRIDGE, plate, "lan")
        return read_record(connection, kit.FRIDGE, month_span(2026, 11, kit.ZONE), kit.NOW, kit.ZONE), made


def test_a_month_has_its_extremes_gaps_doors_alarms_and_answers_in_figures_and_on_paper(
    november: tuple[PlaceRecord, kit.Furnished], database: Database
) -> None:
    record, made = november
    (device,) = record.devices
    summary = device.summary
    assert summary.highest is not None
    assert (summary.highest.high_celsius, summary.highest.at) == (10.6, kit.WARM[0])
    assert (summary.above_s, summary.below_s) == (3 * 3600, 0)
    assert device.series.gaps == (
        (datetime(2026, 10, 31, 17, tzinfo=UTC), kit.BEGAN),
        (kit.GAP[0] - timedelta(minutes=5), kit.GAP[1]),
    )
    assert summary.mkt_celsius is not None
    assert summary.mean_celsius is not None
    assert summary.mkt_celsius > summary.mean_celsius
    warm_day = next(day for day in device.days if day.day == date(2026, 11, 15))
    assert (warm_day.highest_celsius, warm_day.above_s, warm_day.missing_s) == (10.6, 3 * 3600, 0)
    first = next(day for day in device.days if day.day == date(2026, 11, 11))
    assert (first.doors, first.door_s) == (2, 190)
    assert first.at_times[0] == pytest.approx(kit.course(kit.BEGAN + timedelta(hours=8)) - 0.3, abs=0.1)
    assert len(record.doors or ()) == 3

    pdf = render(month_document(record, kit.LETTERHEAD))
    assert render(month_document(record, kit.LETTERHEAD)) == pdf
    text = _text(pdf)
    for words in (
        *("BÁO CÁO THEO DÕI NHIỆT ĐỘ", "tháng 11 năm 2026", "Vestfrost VLS 204, số máy SN-77", "V01.CN5.0123.26"),
        *("10,6 °C lúc 03:00 15/11/2026", "Các lần vượt giới hạn: 1", "4242", "Đã chuyển vắc-xin sang tủ 2"),
        *("tin nhắn SMS", "kỳ báo cáo chưa kết thúc", "Trưởng khoa Dược"),
    ):
        assert words in text, words
    with psycopg.connect(database.dsn) as connection:
        found = read_excursion(connection, made.excursion_id, kit.NOW, kit.ZONE)
        text = _text(render(excursion_document(found, kit.LETTERHEAD)))
        lines = answers(connection, kit.BEGAN, kit.NOW)
    for words in ("BÁO CÁO VƯỢT GIỚI HẠN NHIỆT ĐỘ", "dài nhất 3 giờ 05 phút", "28-0316a2799c3d", "Kết luận về hàng"):
        assert words in text, words
    assert [(line.what, line.by_whom, line.channel, line.since_raised_s) for line in lines if line.by_whom] == [
        ("acknowledged", "hoa", "sms", 24 * 60)
    ]
    assert len(lines) == 4


def test_the_export_is_valid_ds01_and_tells_every_gap(
    november: tuple[PlaceRecord, kit.Furnished], database: Database
) -> None:
    span = (kit.GAP[0] - timedelta(hours=2), kit.GAP[1] + timedelta(hours=1))
    with psycopg.connect(database.dsn) as connection:
        sent = transmission(connection, [kit.FRIDGE], span, kit.NOW, kit.ZONE, source="https://medtap.test")
        again = transmission(connection, [kit.FRIDGE], span, kit.NOW, kit.ZONE, source="https://medtap.test")
        warm = transmission(connection, [kit.FRIDGE], kit.WARM, kit.NOW, kit.ZONE, source="x")
        _refused(connection, "no_thermometer", transmission, ["store"], span, kit.NOW, kit.ZONE, source="x")
    assert sent == again
    document = json.loads(sent)
    (report,) = document["data"]
    assert (document["meta"]["transferType"], document["meta"]["timeZone"]) == ("rtm", "Asia/Ho_Chi_Minh")
    assert (report["AMID"], report["ASER"], report["CID"]) == (kit.FRIDGE, "SN-77", "VN")
    assert report["DLST"]["TVC"] == {"SID": "28-0316a2799c3d", "SMFR": "Maxim", "SMOD": "DS18B20"}
    records = report["records"]
    assert len(records) == 36
    silent = [each for each in records if each["EERR"] == "no-data"]
    assert (len(silent), {each["TVC"] for each in silent}) == (24, {None})
    assert silent[0]["ABST"] == "20261117T031500Z"
    assert {each["ALRM"] for each in records} == {None}
    assert {each["ALRM"] for each in json.loads(warm)["data"][0]["records"]} == {"HEAT"}

    # schemas.2to8.cc, cce-interop-0.8.1: what a record and a report of type rtm must have, retyped.
    assert all({"ABST", "ALRM", "BEMD", "EERR", "TVC"} <= set(each) for each in records)
    assert {"AMID", "CID", "DLST", "EDOP", "EMFR", "EMOD", "EPQS", "ESER", "records"} <= set(report)

    rows = readings_csv(november[0], excel=False).decode().splitlines()
    assert sum(",gap," in row for row in rows) == 2
    assert sum(",excursion," in row for row in rows) == 1
    assert sum(",door_open," in row for row in rows) == 3
    assert any(row.startswith("2026-11-15T03:00:00+07:00,") and ",10.6,10.6,10.6,1,11,-0.4,0.2," in row for row in rows)
    assert ";10,6;" in readings_csv(november[0], excel=True).decode()

    schema = json.loads(find_vectors("cce-interop-0.8.1.schema.json").read_text())
    for each in (sent, warm):
        jsonschema.Draft202012Validator(schema).validate(json.loads(each))


def test_the_command_exports_all_watched_places_or_says_what_is_wrong(database: Database, tmp_path: Path) -> None:
    with psycopg.connect(database.dsn) as connection:
        kit.furnish(connection)
    runner = CliRunner()
    span = ["--from", "2026-11-15T03:00", "--to", "2026-11-15T04:00"]
    csv = runner.invoke(app, ["coldchain", "export", database.dsn, "--format", "csv", "--place", kit.FRIDGE, *span])
    assert csv.exit_code == 0, csv.output
    assert csv.output.splitlines()[1].startswith("2026-11-15T03:00:00+07:00,Asia/Ho_Chi_Minh,fridge-k,t-k,")
    out = tmp_path / "ds01.json"
    sent = runner.invoke(app, ["coldchain", "export", database.dsn, "--out", str(out), *span])
    assert sent.exit_code == 0, sent.output
    by_place = {report["AMID"]: report["records"] for report in json.loads(out.read_text())["data"]}
    assert {each["ALRM"] for each in by_place[kit.FRIDGE]} == {"HEAT"}
    assert set(by_place) == {kit.FRIDGE}  # the other fridge's device has never said that it is a thermometer
    for wrong in (["--format", "xls"], ["--from", "yesterday"], ["--place", "nowhere"], ["--timezone", "Mars/Crater"]):
        refused = runner.invoke(app, ["coldchain", "export", database.dsn, *wrong])
        assert refused.exit_code == 2, wrong


def test_a_room_is_mapped_by_our_thermometers_and_by_loggers_files(database: Database) -> None:
    began = datetime(2026, 11, 12, tzinfo=UTC)
    rows = [f"{(began + timedelta(minutes=10 * step)).isoformat()},{1.5 if step == 50 else 3.0}" for step in range(300)]
    file = ("logger.csv", "\n".join(["time,temperature_celsius", *rows]).encode())
    with psycopg.connect(database.dsn) as connection:
        made = kit.furnish(connection)
        ours = mapping.NewPosition("cửa", 1, 1, "top", device_key=made.device_key)
        theirs = mapping.NewPosition("góc trong", 3, 2, "bottom", file=file)

        def study(*positions: mapping.NewPosition, days: int = 2) -> mapping.NewStudy:
            return mapping.NewStudy(
                kit.FRIDGE, began, began + timedelta(days=days), "full", "mùa khô", 3, 2, tuple(positions)
            )

        mapping_id = mapping.enter_study(connection, study(ours, theirs), "lan", kit.ZONE)
        found = mapping.result_of(connection, mapping_id)
        assert found.hottest is not None
        assert found.coldest is not None
        assert (found.hottest.position, found.coldest.position) == ("cửa", "góc trong")
        assert (found.coldest.lowest_celsius, found.coldest.outside_s) == (1.5, 600)
        assert [each.position for each in found.monitor_at] == ["góc trong", "cửa"]
        assert found.doubts == ("not_calibrated",)
        text = _text(render(mapping_document(found, kit.LETTERHEAD, kit.ZONE)))
        for words in ("ĐÁNH GIÁ PHÂN BỐ NHIỆT ĐỘ", "LẠNH NHẤT", "Khuyến nghị đặt nhiệt kế", "góc trong và cửa"):
            assert words in text, words

        elsewhere = mapping.NewPosition("góc trong", 3, 3, "bottom", file=file)
        garbled = mapping.NewPosition("góc trong", 3, 2, "bottom", file=("logger.csv", b"\xff\xfe"))
        late = mapping.NewPosition("góc trong", 3, 2, "bottom", file=("logger.csv", file[1].replace(b"2026", b"2025")))
        for code, positions in (
            *(("positions_count", (ours,)), ("position_outside", (ours, elsewhere)), ("position_twice", (ours, ours))),
            *(("file_unreadable", (ours, garbled)), ("file_outside", (ours, late))),
        ):
            with pytest.raises(RecordError) as refused, connection.transaction():
                mapping.enter_study(connection, study(*positions), "lan", kit.ZONE)
            assert refused.value.code == code
        mapping.withdraw_study(connection, mapping_id, "lan", "tủ đã thay")
        _refused(connection, "mapping_unknown", mapping.withdraw_study, mapping_id, "lan", "again")
        _refused(connection, "mapping_unknown", mapping.result_of, uuid.uuid4())
        line = next(each for each in places(connection, date(2026, 11, 20)) if each.place_id == kit.FRIDGE)
        assert (line.due, line.mapped_at, line.valid_until) == ("in_90_days", None, date(2027, 1, 14))
