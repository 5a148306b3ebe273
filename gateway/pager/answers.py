"""What people answer by short message: `ACK 4711 <what was done>` acknowledges, `LEO 4711` calls the next person.

Only numbers of people who answer alarms are heard. A comment is obligatory on this channel as on every other.
"""

import hashlib
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from gateway.alarms.errors import IncidentRefusedError
from gateway.alarms.incidents import acknowledge
from gateway.db.pool import Connection
from gateway.pager.escalation import pass_on
from gateway.pager.numbers import normal_number
from gateway.pager.outbox import NewPage, write_page
from gateway.pager.people import who_has
from gateway.pager.receipts import PROBE_MARK, probe_came_back, read_by
from gateway.services.accounts import audit, find_account
from gateway.services.live_events import NewLiveEvent, publish
from gateway.services.roles import ALARM_ROLES, Role

_ACKNOWLEDGE: Final = re.compile(r"(?:ACK|XN|OK)\s*#?\s*([0-9]{4})\b[\s:,.-]*(.*)", re.IGNORECASE | re.DOTALL)
_ALL: Final = re.compile(r"(?:ACK|XN)\s+(?:ALL|TAT\s*CA|TẤT\s*CẢ)\b[\s:,.-]*(.*)", re.IGNORECASE | re.DOTALL)
_PASS_ON: Final = re.compile(r"(?:LEO|ESC)\s*#?\s*([0-9]{4})\b.*", re.IGNORECASE | re.DOTALL)
_HELP_EVERY: Final = timedelta(minutes=10)
"""An automatic answer of some other machine must not make ours answer for ever."""
_HELP: Final = "Không hiểu. Gửi: ACK 4711 <việc đã làm> để xác nhận, LEO 4711 để gọi người kế (4711: số sự cố)."
_SHOWN: Final = 60
Outcome = Literal[
    "acknowledged",
    "passed_on",
    "comment_missing",
    "not_found",
    "not_understood",
    "not_allowed",
    "unknown_sender",
    "probe",
]


@dataclass(frozen=True)
class Answer:
    """One message that came in."""

    channel: str
    sender: str
    text: str
    sent_at: datetime
    """By the sender's side: with sender and text it says whether it is the same message again."""

    @property
    def same_key(self) -> str:
        """Of this one message."""
        return hashlib.sha256(f"{self.sender}\n{self.sent_at.isoformat()}\n{self.text}".encode()).hexdigest()


@dataclass(frozen=True)
class Heard:
    """What came of it."""

    outcome: Outcome
    reply: str = ""
    username: str | None = None
    incident_id: UUID | None = None
    live: tuple[NewLiveEvent, ...] = ()
    probed: str | None = None
    """The channel whose probe this was: it delivers (note it, in a transaction of its own)."""


def take_answer(connection: Connection, answer: Answer, country_code: str, now: datetime) -> Heard | None:
    """Do what a message says, once, in the caller's transaction; None: it was done before.

    The reply goes into the outbox, for the channel that the message came by.
    """
    address = normal_number(answer.sender, country_code) or answer.sender
    # Before anything else, so that of two equal ones the second waits here.
    inbound_id = uuid.uuid4()
    row = connection.execute(
        "INSERT INTO pager_inbound (inbound_id, channel, address, received_at, body, outcome, same_key)"
        " VALUES (%s, %s, %s, %s, %s, '', %s) ON CONFLICT (same_key) DO NOTHING RETURNING 1",
        (inbound_id, answer.channel, address[:200], now, answer.text[:2000].replace("\0", ""), answer.same_key),
    ).fetchone()
    if row is None:
        return None
    heard = _hear(connection, answer, address, now)
    connection.execute(
        "UPDATE pager_inbound SET username = %s, outcome = %s, incident_id = %s WHERE inbound_id = %s",
        (heard.username, heard.outcome, heard.incident_id, inbound_id),
    )
    if heard.reply:
        write_page(
            connection,
            NewPage(
                channel=answer.channel,
                created_at=now,
                kind="reply",
                incident_id=heard.incident_id,
                username=heard.username,
                address=address,
                reason="reply",
                severity="warning",
                dedupe_key=f"reply/{answer.same_key}",
                text=heard.reply,
            ),
        )
    event = NewLiveEvent("on_call", "pager", {"inbound": str(inbound_id), "outcome": heard.outcome})
    publish(connection, [*heard.live, event])
    return heard


def _hear(connection: Connection, answer: Answer, address: str, now: datetime) -> Heard:
    text = answer.text.strip()
    mark = PROBE_MARK.search(text)
    if mark is not None:
        return Heard("probe", probed=probe_came_back(connection, mark[1], "sms", now))
    username = who_has(connection, address)
    if username is None:
        audit(connection, None, "pager_unknown_sender", address[:200], text=text[:_SHOWN])
        return Heard("unknown_sender")
    account = find_account(connection, username)
    if account is None or not account.roles & (ALARM_ROLES | {Role.ADMIN}):
        return Heard("not_allowed", "Số này không được quyền xác nhận báo động. Hỏi quản trị viên.", username)
    heard = _obey(connection, answer.channel, username, text, now)
    if heard is not None:
        return heard
    return Heard("not_understood", "" if _helped_lately(connection, address, now) else _HELP, username)


def _obey(connection: Connection, channel: str, username: str, text: str, now: datetime) -> Heard | None:
    """What somebody who may has asked for; None: it is not understood."""
    everything, one, higher = _ALL.fullmatch(text), _ACKNOWLEDGE.fullmatch(text), _PASS_ON.fullmatch(text)
    if everything is not None:
        return _acknowledge_all(connection, channel, username, everything[1].strip(), now)
    if one is not None:
        return _acknowledge(connection, channel, username, (int(one[1]), one[2].strip()), now)
    return None if higher is None else _pass_on(connection, channel, username, int(higher[1]), now)


def _acknowledge(connection: Connection, channel: str, username: str, said: tuple[int, str], now: datetime) -> Heard:
    number, comment = said
    incident_id = _open_incident(connection, number)
    if not comment:
        reply = f"#{number} CHƯA được xác nhận: thiếu ghi chú. Gửi lại: ACK {number} <đã thấy gì, đã làm gì>"
        return Heard("comment_missing", reply, username, incident_id)
    try:
        answered = acknowledge(connection, number, username, comment, channel=channel, now=now)
    except IncidentRefusedError:
        return Heard("not_found", f"Không có sự cố #{number} đang mở. Xem lại số trong tin nhắn.", username)
    audit(connection, username, "incident_acknowledged", str(answered.incident_id), channel=channel, comment=comment)
    read_by(connection, [answered.incident_id], username, now)
    if answered.is_first:
        reply = f"#{number}: đã xác nhận. Cảm ơn."
    else:
        reply = f"#{number}: {_name(connection, answered.acknowledged_by)} đã xác nhận trước; ghi chú của bạn đã lưu."
    return Heard("acknowledged", reply, username, answered.incident_id, answered.live)


def _acknowledge_all(connection: Connection, channel: str, username: str, comment: str, now: datetime) -> Heard:
    """Every open incident that this person was paged about."""
    if not comment:
        reply = "CHƯA xác nhận: thiếu ghi chú. Gửi lại: ACK ALL <đã thấy gì, đã làm gì>"
        return Heard("comment_missing", reply, username)
    rows = connection.execute(
        "SELECT incident_id FROM incident WHERE closed_at IS NULL AND acknowledged_at IS NULL AND incident_id IN ("
        " SELECT incident_id FROM page WHERE username = %(who)s AND incident_id IS NOT NULL UNION"
        " SELECT e.incident_id FROM page_incident e JOIN page p USING (page_id) WHERE p.username = %(who)s)"
        " ORDER BY incident_number",
        {"who": username},
    ).fetchall()
    done: list[UUID] = []
    live: list[NewLiveEvent] = []
    for (incident_id,) in rows:
        answered = acknowledge(connection, incident_id, username, comment, channel=channel, now=now)
        live += answered.live
        audit(connection, username, "incident_acknowledged", str(incident_id), channel=channel, comment=comment)
        done.append(incident_id)
    read_by(connection, done, username, now)
    if not done:
        return Heard("not_found", "Không có sự cố nào đang chờ bạn xác nhận.", username)
    return Heard("acknowledged", f"Đã xác nhận {len(done)} sự cố.", username, done[0], tuple(live))


def _pass_on(connection: Connection, channel: str, username: str, number: int, now: datetime) -> Heard:
    incident_id = _open_incident(connection, number)
    if incident_id is None or not pass_on(connection, incident_id, username, channel=channel, now=now):
        return Heard("not_found", f"Không có sự cố #{number} đang báo động.", username)
    return Heard("passed_on", f"#{number}: đang gọi người kế tiếp.", username, incident_id)


def _open_incident(connection: Connection, number: int) -> UUID | None:
    row = connection.execute(
        "SELECT incident_id FROM incident WHERE incident_number = %s AND closed_at IS NULL", (number,)
    ).fetchone()
    return None if row is None else row[0]


def _helped_lately(connection: Connection, address: str, now: datetime) -> bool:
    row = connection.execute(
        "SELECT FROM pager_inbound WHERE address = %s AND outcome = 'not_understood' AND received_at > %s LIMIT 1",
        (address, now - _HELP_EVERY),
    ).fetchone()
    return row is not None


def _name(connection: Connection, username: str | None) -> str:
    account = find_account(connection, username) if username else None
    return account.display_name if account is not None else username or "?"
