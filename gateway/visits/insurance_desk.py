"""Asks the insurance about whoever is here today, beside all check-ins: what can't be asked now waits its turn."""

import logging
import threading
import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection, Pool
from gateway.people.people import People
from gateway.people.person import Patient, Reader
from gateway.services.live_events import NewLiveEvent, publish
from gateway.visits.errors import VisitNotFoundError
from gateway.visits.insurance import InsuranceAnswer, InsuranceAwayError, InsuranceQuestion, InsuranceService
from gateway.visits.insurance_codes import ASKED_AGAIN, verdict_of
from gateway.visits.priority import priority_by_age

_LOG: Final = logging.getLogger(__name__)
_ROUND_S: Final = 1.0
_AT_ONCE: Final = 20
_LEASE: Final = timedelta(minutes=2)
"""Who asked and died is taken over after this."""
_FIRST_WAIT: Final = timedelta(seconds=5)
_WAIT_MAX: Final = timedelta(minutes=5)
ASKED_FOR: Final = timedelta(hours=24)
"""A question that nobody answered for so long is given up: the visit's papers are settled by hand."""
_READER: Final = Reader("system", "insurance")


class InsuranceDesk:
    """One thread."""

    def __init__(
        self,
        pool: Pool,
        people: People,
        service: InsuranceService,
        clock: Callable[[], datetime],
        zone: ZoneInfo,
        *,
        round_s: float = _ROUND_S,
    ) -> None:
        """`clock`: now, with offset; `zone`: whose days are asked about."""
        self._pool = pool
        self._people = people
        self._service = service
        self._clock = clock
        self._zone = zone
        self._round_s = round_s
        self._away = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="insurance", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the question at hand."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=90.0)
        self._service.close()

    def round(self) -> int:
        """Ask what is due; how many were answered. After a question without an answer the others wait too."""
        if not self._people.has_keys:
            return 0
        with self._pool.connection() as connection:
            _ask_about_new_visits(connection, self._clock().astimezone(self._zone).date(), self._clock())
        answered = 0
        for _ in range(_AT_ONCE):
            if self._stopping.is_set() or not self._ask_one():
                break
            answered += 1
        return answered

    def _ask_one(self) -> bool:
        """Whether there was one and it was answered."""
        with self._pool.connection() as connection:
            claimed = _claim(connection, self._clock())
            if claimed is None:
                return False
            check_id, patient_id, attempts = claimed
            patient = self._people.read(connection, [patient_id], _READER).get(patient_id)
        if patient is None:
            self._give_up(check_id, "unknown_patient")
            return True
        question = question_of(patient, self._clock().astimezone(self._zone).date())
        if question is None:
            self._give_up(check_id, "no_number")
            return True
        try:
            answer = self._service.check(question)
        except InsuranceAwayError as error:
            self._wait(check_id, attempts, error.code)
            return False
        if verdict_of(answer.code) in ASKED_AGAIN:
            self._wait(check_id, attempts, f"result_{answer.code}")
            return False
        with self._pool.connection() as connection:
            _keep_answer(connection, check_id, answer, self._clock())
            if self._away:
                # It is there again: whoever waited for it is asked about now.
                connection.execute(
                    "UPDATE insurance_check SET next_attempt_at = %s WHERE state = 'waiting'", (self._clock(),)
                )
        self._away = False
        return True

    def _wait(self, check_id: uuid.UUID, attempts: int, why: str) -> None:
        now, self._away = self._clock(), True
        with self._pool.connection() as connection:
            next_at = now + min(_FIRST_WAIT * 2 ** min(attempts - 1, 10), _WAIT_MAX)
            # Whoever else waits is not asked about before: the service is away, not the patient.
            connection.execute(
                "UPDATE insurance_check SET last_error = CASE WHEN check_id = %(check)s THEN %(why)s ELSE last_error"
                " END, next_attempt_at = greatest(next_attempt_at, %(next)s) WHERE state = 'waiting'"
                " AND (check_id = %(check)s OR next_attempt_at < %(next)s)",
                {"check": check_id, "why": why, "next": next_at},
            )
            connection.execute(
                "UPDATE insurance_check SET next_attempt_at = %s WHERE check_id = %s", (next_at, check_id)
            )
            connection.execute(
                "UPDATE insurance_check SET state = 'given_up' WHERE check_id = %s AND asked_at < %s",
                (check_id, now - ASKED_FOR),
            )
            _tell(connection, check_id)
        if attempts == 1:
            _LOG.warning("the insurance's service gives no answer (%s): asked again from %s on", why, next_at)

    def _give_up(self, check_id: uuid.UUID, why: str) -> None:
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE insurance_check SET state = 'given_up', last_error = %s WHERE check_id = %s", (why, check_id)
            )
            _tell(connection, check_id)

    def _run(self) -> None:
        while not self._stopping.wait(self._round_s):
            try:
                self.round()
            except Exception:  # noqa: BLE001 - tried again: a question that was claimed comes back by its lease
                _LOG.exception("asking the insurance failed; again in %.0f s", self._round_s)


def question_of(patient: Patient, today: date) -> InsuranceQuestion | None:
    """What is asked about a patient; None where there is nothing to ask.

    A child under 6 is insured with or without a card (Law on Health Insurance, article 12): asked by name and birth.
    """
    if patient.insurance_number is None and priority_by_age(patient.birth_date, today) != "child_under_6":
        return None
    return InsuranceQuestion(patient.insurance_number or "", patient.full_name, patient.birth_date)


def ask_again(connection: Connection, visit_id: uuid.UUID, by: str, now: datetime) -> uuid.UUID:
    """A new question about a visit, now; one that waits already is brought forward.

    Raises:
        VisitNotFoundError: no such visit.
    """
    waiting = connection.execute(
        "UPDATE insurance_check SET next_attempt_at = %s WHERE visit_id = %s AND state = 'waiting' RETURNING check_id",
        (now, visit_id),
    ).fetchone()
    if waiting is not None:
        return uuid.UUID(str(waiting[0]))
    known = connection.execute("SELECT FROM visit WHERE visit_id = %s", (visit_id,)).fetchone()
    if known is None:
        raise VisitNotFoundError("visit_unknown", f"no visit has the id {visit_id}")
    check_id = uuid.uuid4()
    connection.execute(
        "INSERT INTO insurance_check (check_id, visit_id, asked_at, asked_by, next_attempt_at) VALUES"
        " (%s, %s, %s, %s, %s)",
        (check_id, visit_id, now, by, now),
    )
    return check_id


def _ask_about_new_visits(connection: Connection, day: date, now: datetime) -> None:
    connection.execute(
        "INSERT INTO insurance_check (check_id, visit_id, asked_at, next_attempt_at) SELECT gen_random_uuid(),"
        " visit_id, %(now)s, %(now)s FROM visit v WHERE visit_date = %(day)s AND NOT EXISTS (SELECT FROM"
        " insurance_check c WHERE c.visit_id = v.visit_id)",
        {"day": day, "now": now},
    )


def _claim(connection: Connection, now: datetime) -> tuple[uuid.UUID, uuid.UUID, int] | None:
    """(question, patient, attempts) of the next one due, leased."""
    row = connection.execute(
        "UPDATE insurance_check c SET attempts = attempts + 1, next_attempt_at = %s FROM visit v WHERE c.check_id ="
        " (SELECT check_id FROM insurance_check WHERE state = 'waiting' AND next_attempt_at <= %s"
        " ORDER BY next_attempt_at, asked_at LIMIT 1 FOR UPDATE SKIP LOCKED) AND v.visit_id = c.visit_id"
        " RETURNING c.check_id, v.patient_id, c.attempts",
        (now + _LEASE, now),
    ).fetchone()
    return None if row is None else (row[0], row[1], row[2])


def _keep_answer(connection: Connection, check_id: uuid.UUID, answer: InsuranceAnswer, now: datetime) -> None:
    connection.execute(
        "UPDATE insurance_check SET state = 'answered', answered_at = %s, result_code = %s, valid_from = %s,"
        " valid_until = %s, last_error = '' WHERE check_id = %s",
        (now, answer.code, answer.valid_from, answer.valid_until, check_id),
    )
    _tell(connection, check_id)


def _tell(connection: Connection, check_id: uuid.UUID) -> None:
    row = connection.execute("SELECT visit_id FROM insurance_check WHERE check_id = %s", (check_id,)).fetchone()
    if row is not None:
        publish(connection, [NewLiveEvent("desk", "visit", {"visit_id": str(row[0])})])
