"""The insurance, behind a seam: a question about a card, an answer with a result code, over HTTP or not at all.

The request and answer have the member names that public clients of the portal use (`maThe`, `hoTen`, `ngaySinh`;
`maKetQua`, `gtTheTu`, `gtTheDen`). The portal's document was not read: a hospital's contract may need another client.
"""

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Protocol

import httpx

from gateway.errors import ConfigError, GatewayError
from gateway.visits.config import InsuranceConfig

_CODE: Final = re.compile(r"[0-9]{3}")
_ANSWER_BYTES_MAX: Final = 65536
_OK: Final = 200


@dataclass(frozen=True)
class InsuranceQuestion:
    """Whose card. Personal data: never in a log."""

    card_number: str
    """Fifteen characters or the ten of the social insurance; empty: the patient shows none."""
    full_name: str
    birth_date: date | None

    def __repr__(self) -> str:
        """Names nobody."""
        return "InsuranceQuestion(...)"


@dataclass(frozen=True)
class InsuranceAnswer:
    """What the insurance says."""

    code: str
    """Three digits, of `gateway.visits.insurance_codes`."""
    valid_from: date | None = None
    valid_until: date | None = None


class InsuranceAwayError(GatewayError):
    """No answer that says anything: ask again later. `code` is one of ours, without the service's words."""

    def __init__(self, code: str) -> None:
        """`code`: `timeout`, `unreachable`, `status_503` and such, `unreadable`."""
        super().__init__(f"the insurance's service: {code}: asked again later")
        self.code: Final = code


class InsuranceService(Protocol):
    """Says whether a card is good."""

    def check(self, question: InsuranceQuestion) -> InsuranceAnswer:
        """Ask now; blocks for at most the configured time.

        Raises:
            InsuranceAwayError: there is no answer now.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class HttpInsurance:
    """Over HTTP, JSON in and out."""

    def __init__(self, config: InsuranceConfig) -> None:
        """Read the token.

        Raises:
            ConfigError: the token's file can't be read.
        """
        headers = {"accept": "application/json"}
        if config.token_file is not None:
            try:
                headers["authorization"] = f"Bearer {config.token_file.read_text(encoding='ascii').strip()}"
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"insurance.token_file: got {str(config.token_file)!r}: {error}") from None
        self._url = config.url
        self._client = httpx.Client(timeout=config.timeout_s, headers=headers, follow_redirects=False, trust_env=False)

    def check(self, question: InsuranceQuestion) -> InsuranceAnswer:
        """Ask now.

        Raises:
            InsuranceAwayError: no connection, no answer in time, or one that can't be read.
        """
        born = f"{question.birth_date:%d/%m/%Y}" if question.birth_date is not None else ""
        body = {"maThe": question.card_number, "hoTen": question.full_name, "ngaySinh": born}
        try:
            answer = self._client.post(self._url, json=body)
        except httpx.TimeoutException:
            raise InsuranceAwayError("timeout") from None
        except httpx.HTTPError:
            raise InsuranceAwayError("unreachable") from None
        if answer.status_code != _OK:
            raise InsuranceAwayError(f"status_{answer.status_code}")
        return read_answer(answer.content)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


def read_answer(content: bytes) -> InsuranceAnswer:
    """From the service's JSON.

    Raises:
        InsuranceAwayError: it can't be read (`unreadable`).
    """
    if len(content) > _ANSWER_BYTES_MAX:
        raise InsuranceAwayError("unreadable")
    try:
        found: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise InsuranceAwayError("unreadable") from None
    code = found.get("maKetQua") if isinstance(found, dict) else None
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise InsuranceAwayError("unreadable")
    return InsuranceAnswer(code, _day(found.get("gtTheTu")), _day(found.get("gtTheDen")))


def _day(text: object) -> date | None:
    if not isinstance(text, str) or not text:
        return None
    try:
        return datetime.strptime(text, "%d/%m/%Y").date()  # noqa: DTZ007 - a day has no time zone
    except ValueError:
        return None
