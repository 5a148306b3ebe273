"""Acknowledging an alarm, from the page or the API alike: a comment is obligatory, a second time changes nothing."""

from http import HTTPStatus
from typing import Final
from uuid import UUID

from gateway.alarms import incidents
from gateway.api.problems import Problem, not_found
from gateway.pages.translations import N_
from gateway.services.accounts import audit
from gateway.services.app_services import AppServices
from gateway.services.live_events import publish
from gateway.services.reads_on_call import Alarm, find_alarm

COMMENT_LENGTH_MAX: Final = 1000
"""Characters."""


def acknowledge(services: AppServices, alarm_id: UUID, username: str, comment: str) -> Alarm:
    """Acknowledge the alarm in this person's name and return it as it then is.

    Raises:
        Problem: 422 without a comment, 404 without such an alarm.
    """
    if not comment.strip():
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "comment_missing",
            N_("A comment is needed"),
            N_("Write what you have found or done, then acknowledge: the next shift reads it."),
        )
    with services.pool.connection() as connection:
        alarm = find_alarm(connection, alarm_id)
        if alarm is None:
            raise not_found(N_("There is no such alarm."))
        if alarm.acknowledged_at is not None:
            return alarm
        if alarm.incident_id is None:
            raise not_found(N_("There is no such alarm."))
        answered = incidents.acknowledge(
            connection, alarm.incident_id, username, comment, channel="api", now=services.clock()
        )
        publish(connection, answered.live)
        if answered.is_first:
            audit(connection, username, "alarm_acknowledged", str(alarm_id), comment=comment.strip())
        acknowledged = find_alarm(connection, alarm_id)
    return acknowledged or alarm
