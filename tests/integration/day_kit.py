"""The people of a day in the pharmacy and what they have in their hands: pages, command line, workbooks, scanner.

`expect` is the plain book that the day is held against: it knows accounts and quantities and nothing else.
"""

import io
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import httpx
import openpyxl
import psycopg
from pypdf import PdfReader
from typer.testing import CliRunner, Result

from firmware_sim.gs1_text import check_digit
from gateway.services.accounts import create_account, sign_in_link
from medtap.cli.app import app
from medtap.demo.hospital import SimulatedHospital

STORE, SHELF, FRIDGE, WARD = "place:main-store", "place:shelf-a", "place:fridge-1", "place:khoa-noi"
SUPPLIER, DISPENSED, UNEXPLAINED, WASTED = "supplier", "dispensed", "unexplained", "wasted"
REPACKED, TRANSIT = "repacked", "in_transit"
VITAMIN, MORPHINE = "VTC500", "MOR10"
"""Products of the hospital's own codes; the vitamin has no GTIN."""
VACCINE, HEPATITIS, CEFTRIAXONE, PARACETAMOL = 0, 4, 5, 6
"""Places in the simulated catalogue."""
TODAY = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).date()
TOMORROW = TODAY + timedelta(days=1)
"""The day may end while it is played."""
LONG_FRESH = TODAY + timedelta(days=700)
MORPHINE_GTIN = "0893850123901" + check_digit("0893850123901")


class Playing(Protocol):
    """What the day needs of `conftest.Play`."""

    @property
    def hospital(self) -> SimulatedHospital:
        """The processes."""

    def do(self, verb: str, **arguments: object) -> dict[str, Any]:
        """Make something happen in the simulated world."""

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a query."""

    def value(self, query: str, *parameters: object) -> Any:  # noqa: ANN401 - whatever the database holds
        """First column of the first row."""

    def eventually(self, query: str, expected: object, *parameters: object, timeout_s: float = 60.0) -> None:
        """Wait until the query's first value is the expected one."""


@dataclass
class Day:
    """One day."""

    play: Playing
    directory: Path
    """For the day's files."""
    people: dict[str, httpx.Client] = field(default_factory=dict)
    book: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By account, product and lot: what the people of the day would have written with a pencil."""
    lines: int = 0
    tagged_epc: str = ""
    """Of the pack whose tags were written in the morning."""

    def expect(self, product_id: str, lot: str, quantity: int, source: str, target: str) -> None:
        """Write one line in the plain book."""
        self.book[source, product_id, lot] -= quantity
        self.book[target, product_id, lot] += quantity
        self.lines += 1

    def pack(self, index: int) -> dict[str, str]:
        """A pack of the simulated world."""
        return dict(self.play.hospital.world["packs"][index])

    def product(self, index: int) -> dict[str, Any]:
        """A product of the simulated world; its GTIN is also its code in the hospital."""
        return dict(self.play.hospital.world["products"][index])

    @property
    def ceftriaxone(self) -> str:
        """Ten vials a pack."""
        return str(self.product(CEFTRIAXONE)["gtin"])

    @property
    def ceftriaxone_case(self) -> str:
        """Ten packs of it: a GTIN with indicator digit 1."""
        body = "1" + self.ceftriaxone[1:13]
        return body + check_digit(body)

    @property
    def vaccine(self) -> str:
        """One dose a pack."""
        return str(self.product(VACCINE)["gtin"])

    @property
    def paracetamol(self) -> str:
        """Ten suppositories a pack."""
        return str(self.product(PARACETAMOL)["gtin"])

    @property
    def hepatitis(self) -> str:
        """A vaccine, ten vials a pack."""
        return str(self.product(HEPATITIS)["gtin"])

    def index(self, product: int, lot: int, number: int) -> int:
        """Of a pack in the simulated world: of a product's lots the one that is the lot-th to expire."""
        gtin = self.product(product)["gtin"]
        packs = [(index, one) for index, one in enumerate(self.play.hospital.world["packs"]) if one["gtin"] == gtin]
        lots = list(dict.fromkeys(one["lot"] for _, one in sorted(packs, key=lambda each: each[1]["expiry_date"])))
        return [index for index, one in packs if one["lot"] == lots[lot]][number]

    def lot(self, product: int, lot: int) -> str:
        """Its number."""
        return self.pack(self.index(product, lot, 0))["lot"]

    def code(self, product: int, lot: int, number: int) -> str:
        """What a scanner delivers of a pack."""
        return "]d2" + self.pack(self.index(product, lot, number))["element_string"]

    def goods(self, product: int, lot: int, number: int) -> dict[str, Any]:
        """A line of an act about one pack, as a page makes it of its scan."""
        pack = self.pack(self.index(product, lot, number))
        return {
            "product_id": pack["gtin"],
            "quantity": int(self.product(product)["units_per_pack"]),
            **{key: pack[key] for key in ("gtin", "lot", "expiry_date", "serial_number")},
            "scan_text": self.code(product, lot, number),
        }

    def scan(self, scanner: str, pack: int | str) -> str:
        """Scan a pack of the world, or this text, and wait until it was judged; the outcome."""
        before = self.play.value("SELECT count(*) FROM scan")
        what = {"text": pack} if isinstance(pack, str) else {"pack": pack}
        assert self.play.do("scan", scanner=scanner, **what)["heard"]
        self.play.eventually("SELECT count(*) FROM scan", before + 1)
        return str(self.last_scan()[0])

    def last_scan(self) -> tuple[Any, ...]:
        """Outcome and reason of the newest."""
        return self.play.rows("SELECT outcome, reason FROM scan ORDER BY epoch_key DESC, seq DESC LIMIT 1")[0]

    def wait_for_pages(self, timeout_s: float = 60.0) -> None:
        """Until the gateway answers people again."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                if self.people["lan"].get("/api/v1/health").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"the gateway answers nobody for {timeout_s} s")

    def there(self, account_id: str, product_id: str, lot: str) -> int:
        """What the books have."""
        rows = self.play.rows(
            "SELECT quantity FROM stock_balance WHERE (account_id, product_id, lot) = (%s, %s, %s)",
            *(account_id, product_id, lot),
        )
        return int(rows[0][0]) if rows else 0

    def operator(self, scanner: str, person: str) -> None:
        """A person signs on at a scanner."""
        key = self.play.value("SELECT device_key FROM device WHERE device_id = %s", scanner)
        answer = self.people[person].put(f"/api/v1/stock/scanners/{key}/operator").raise_for_status()
        assert answer.json()["username"] == person

    def send(self, person: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """A person's POST, which must succeed; the answer."""
        answer = self.people[person].post(f"/api/v1{path}", json=body)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json()

    def refused(self, person: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, str, str]:
        """A person's POST, which must be refused: status, code and words."""
        answer = self.people[person].post(f"/api/v1{path}", json=body)
        assert answer.is_client_error, (path, answer.status_code, answer.text)
        return answer.status_code, str(answer.json()["code"]), str(answer.json()["detail"])

    def read(self, person: str, path: str, **query: Any) -> Any:  # noqa: ANN401 - JSON
        """A person's GET."""
        answer = self.people[person].get(f"/api/v1{path}", params=query)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json()

    def printed(self, person: str, path: str, **query: Any) -> str:  # noqa: ANN401 - query values
        """The text of a PDF, by another program than the one that made it; spaces as they come."""
        answer = self.people[person].get(path, params=query)
        assert answer.is_success, (path, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/pdf"
        return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages).split())

    def workbook(self, name: str, header: Sequence[str], *rows: Sequence[object]) -> Path:
        """An Excel file as a person makes it."""
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for row in (header, *rows):
            sheet.append(list(row))
        path = self.directory / name
        book.save(path)
        return path

    def bring(self, path: Path, kind: str, *options: str) -> dict[str, Any]:
        """`medtap stock import`; what it says as JSON, with its exit status."""
        done = self.command(
            *("stock", "import", str(path), "--kind", kind, "--database", self.play.hospital.dsn),
            *("--json", "--person", "lan", *options),
        )
        assert done.exit_code in {0, 1}, done.output
        return {**json.loads(done.stdout), "exit": done.exit_code}

    @staticmethod
    def command(*arguments: str) -> Result:
        """A command, without the two seconds that a process of its own takes to start."""
        return CliRunner().invoke(app, arguments)

    @staticmethod
    def medtap(*arguments: str) -> subprocess.CompletedProcess[str]:
        """A command in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "medtap", *arguments], capture_output=True, text=True, check=False, timeout=120
        )


@contextmanager
def day_of(play: Playing, directory: Path, people: Mapping[str, Sequence[str]]) -> Iterator[Day]:
    """A day with these people (their roles), each signed in at a browser."""
    day = Day(play, directory)
    links = dict.fromkeys(people, "")
    with psycopg.connect(play.hospital.dsn) as connection:
        for username, roles in people.items():
            create_account(connection, username, username.title(), None, roles)
            links[username] = sign_in_link(connection, username, play.hospital.http_url, datetime.now(UTC))
    with ExitStack() as stack:
        for username, link in links.items():
            day.people[username] = stack.enter_context(_browser(play.hospital.http_url, httpx.URL(link)))
        yield day


@contextmanager
def _browser(base_url: str, link: httpx.URL) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base_url, headers={"Origin": base_url}, timeout=60, trust_env=False) as client:
        reply = client.post(link.path, data={"token": link.params["token"]})
        assert reply.status_code == httpx.codes.SEE_OTHER, reply.text
        client.headers["X-CSRF-Token"] = client.get("/api/v1/session").raise_for_status().json()["csrf_token"]
        yield client
