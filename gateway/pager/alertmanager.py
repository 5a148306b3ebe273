"""Alertmanager's web hook, version 4: ours go out in it, and those of other systems come in by it.

Source: Prometheus documentation, Alerting, Configuration, `<webhook_config>`; fields as there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.pager.channels import HttpPoster, Outgoing, Taken

_NO_END: Final = "0001-01-01T00:00:00Z"
"""How Go writes a time that is not there."""
_SHOWN: Final = 200


class AlertmanagerChannel(HttpPoster):
    """POSTs incidents as Alertmanager does: the same `groupKey` and fingerprint as long as it is the same incident."""

    def deliver(self, outgoing: Outgoing) -> Taken:
        """Taken means an answer of 2xx. Replies, probes and summaries are for people: they are not sent on.

        Raises:
            ChannelError: no answer in time, or another status.
        """
        if "incident_key" in outgoing.message:
            self.post(as_alertmanager(outgoing.message, self.name), {"Idempotency-Key": str(outgoing.page_id)})
        return Taken()


def as_alertmanager(message: Mapping[str, Any], receiver: str) -> dict[str, Any]:
    """A page's facts in Alertmanager's words; `resolved` once the incident has returned."""
    resolved = str(message["state"]).startswith("returned")
    names = message["place_names_en"]
    labels = {
        "alertname": str(message["condition"]),
        "severity": str(message["severity"]),
        "incident": str(message["incident_number"]),
        "place": str(message["place_id"] or ""),
        "instance": str(message["device"]),
        **({"drill": "true"} if message["is_drill"] else {}),
    }
    annotations = {
        "summary": str(message["text_en"]),
        "summary_vi": str(message["text_vi"]),
        "description": str(message["next_step_en"]),
        "description_vi": str(message["next_step_vi"]),
        "place_name": ", ".join(names),
    }
    status = "resolved" if resolved else "firing"
    alert = {
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": message["started_at"],
        "endsAt": message.get("sent_at", _NO_END) if resolved else _NO_END,
        "generatorURL": message["url"],
        "fingerprint": str(message["incident_key"]).replace("-", "")[:16],
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{incident="{message["incident_key"]}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": receiver,
        "groupLabels": {"incident": labels["incident"]},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": message["url"],
        "alerts": [alert],
    }


class Alert(BaseModel):
    """One alert of another system."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    status: Literal["firing", "resolved"]
    labels: Annotated[dict[str, str], Field(min_length=1, max_length=64)]
    annotations: dict[str, str] = {}
    startsAt: AwareDatetime  # noqa: N815 - Alertmanager's name
    endsAt: datetime | None = None  # noqa: N815 - as above
    generatorURL: str = ""  # noqa: N815 - as above
    fingerprint: Annotated[str, Field(min_length=1, max_length=64, pattern=r"\A[0-9A-Za-z_-]+\z")]


class Notification(BaseModel):
    """What Alertmanager posts."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: Literal["4"]
    alerts: Annotated[list[Alert], Field(max_length=1000)]


@dataclass(frozen=True)
class External:
    """An alert as our conditions have it."""

    subject: str
    severity: Literal["warning", "critical"]
    name: str
    summary: str


def external(alert: Alert) -> External:
    """How an alert is named and how grave it is: critical if it says so (or `page`), else a warning."""
    name = alert.labels.get("alertname", "alert")[:_SHOWN]
    grave = alert.labels.get("severity", "").lower() in {"critical", "page", "emergency"}
    summary = alert.annotations.get("summary") or alert.annotations.get("description") or name
    subject = f"alertmanager:{quote(name, safe='')[:80]}/{alert.fingerprint}"
    return External(subject, "critical" if grave else "warning", name, summary[:_SHOWN])
