"""The table `[pager]` of the gateway's configuration: channels as data, secrets in files, times of the chain."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gateway.errors import ConfigError

ChannelName = Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z0-9_-]{0,30}\z")]
Seconds = Annotated[float, Field(gt=0, le=7 * 86400)]
_BUILT_IN: Final = frozenset({"log", "webhook", "phone"})


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProbeConfig(_Table):
    """A message sent to the channel regularly that must come back by another way."""

    every_s: Seconds = 3600.0
    address: str = ""
    """Where on the channel: a mailbox, a topic, the modem's own number."""
    back_within_s: Seconds = 300.0
    ntfy_url: str = ""
    """Read the topic back here (ntfy's JSON feed); empty: something calls `/api/v1/pager/receipts/TOKEN`, or an SMS
    comes in."""


class ChannelConfig(_Table):
    """One way to people (with an address for each) or to a machine (without)."""

    name: ChannelName
    kind: Literal["apprise", "sms_modem", "webhook", "alertmanager"]
    url: str = ""
    """webhook, alertmanager: where to POST. apprise: an Apprise URL, in which `{address}` stands for the contact's
    address and `{secret}` for the content of `secret_file`."""
    secret_file: Path | None = None
    path: Path | None = None
    """sms_modem: its serial line, such as /dev/serial/by-id/...-if02."""
    baud_rate: Annotated[int, Field(ge=300, le=4_000_000)] = 115200
    pin_file: Path | None = None
    """sms_modem: the SIM's PIN, if it asks for one."""
    receipt: Literal["delivered", "probe", "none"] = "none"
    """What proves that a message arrives: the channel's own report of each message, a probe that comes back regularly,
    or nothing. With nothing, a critical page goes on to the person's next channel after `receipt_within_s`."""
    probe: ProbeConfig | None = None
    house: bool = False
    """Gets every incident itself, without an address of a person."""
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 15.0
    say_returned: bool = True
    """Tell people who were paged here that it is back to normal."""

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> "ChannelConfig":
        if self.name in _BUILT_IN:
            raise ValueError(f"name: got {self.name!r}: that channel is built in; choose another name")
        if self.kind == "sms_modem" and self.path is None:
            raise ValueError(f"{self.name}: sms_modem needs path, its serial line")
        if self.kind != "sms_modem" and not self.url:
            raise ValueError(f"{self.name}: {self.kind} needs url")
        if "{secret}" in self.url and self.secret_file is None:
            raise ValueError(f"{self.name}: {{secret}} in url needs secret_file")
        if self.receipt == "probe" and self.probe is None:
            raise ValueError(f"{self.name}: receipt = 'probe' needs a table probe")
        if self.receipt == "delivered" and self.kind != "sms_modem":
            raise ValueError(f"{self.name}: receipt = 'delivered': only sms_modem reports deliveries")
        return self

    @property
    def to_people(self) -> bool:
        """Whether a contact's address is needed."""
        return not self.house and self.kind in {"apprise", "sms_modem"}


class RelayConfig(_Table):
    """A siren or light behind a Modbus coil: on while a critical incident is not acknowledged."""

    name: ChannelName = "siren"
    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    path: Path | None = None
    """Serial line of a relay on RS-485; then host is empty."""
    baud_rate: Annotated[int, Field(ge=300, le=4_000_000)] = 9600
    unit_id: Annotated[int, Field(ge=0, le=247)] = 1
    coil: Annotated[int, Field(ge=0, le=65535)] = 0
    timeout_s: Annotated[float, Field(gt=0, le=30)] = 2.0
    refresh_s: Seconds = 10.0
    """Written and read back so often, so that a relay that lost its supply comes back to what is true."""

    @model_validator(mode="after")
    def _one_way_to_it(self) -> "RelayConfig":
        if bool(self.host) == (self.path is not None):
            raise ValueError(f"{self.name}: give host (Modbus TCP) or path (Modbus RTU)")
        return self


class Chain(_Table):
    """When whom: seconds after the incident for each step, then repeats until somebody acknowledges."""

    second_after_s: Annotated[float, Field(ge=0)]
    """The second person, level 2."""
    head_after_s: Annotated[float, Field(ge=0)]
    """The head, level 3."""
    everyone_after_s: Annotated[float, Field(ge=0)]
    """Everybody with role on_call who can be reached."""
    repeat_every_s: Seconds
    """All of the last step again, so often, until it is acknowledged."""

    @model_validator(mode="after")
    def _in_order(self) -> "Chain":
        if not 0 < self.second_after_s < self.head_after_s < self.everyone_after_s:
            raise ValueError("second_after_s, head_after_s, everyone_after_s: expected rising numbers")
        return self

    @property
    def delays_s(self) -> tuple[float, float, float, float]:
        """Of each step from the start, the first being the person on call."""
        return (0.0, self.second_after_s, self.head_after_s, self.everyone_after_s)


class StormConfig(_Table):
    """Many incidents in a short time become one summary for each person."""

    alone_max: Annotated[int, Field(ge=1, le=100)] = 3
    """So many incidents within the window are paged one by one."""
    window_s: Seconds = 300.0
    gather_s: Seconds = 30.0
    """A summary waits so long for more."""


class HeartbeatConfig(_Table):
    """The gateway's sign of life to somewhere else."""

    key_file: Path | None = None
    """Shared with `medtap pager watch` on another machine: signs the heartbeat it asks for."""
    ping_url: str = ""
    """Called while everything is well (a dead-man's switch such as a healthchecks server); `/fail` appended if not."""
    ping_every_s: Seconds = 60.0


class PagerConfig(_Table):
    """All of it."""

    channel: tuple[ChannelConfig, ...] = ()
    relay: RelayConfig | None = None
    critical: Chain = Chain(second_after_s=300, head_after_s=600, everyone_after_s=900, repeat_every_s=900)
    warning: Chain = Chain(second_after_s=3600, head_after_s=7200, everyone_after_s=14400, repeat_every_s=28800)
    receipt_within_s: Annotated[float, Field(gt=0, le=60)] = 45.0
    """Without failure and without receipt for so long, the person's next channel is used as well."""
    storm: StormConfig = StormConfig()
    heartbeat: HeartbeatConfig = HeartbeatConfig()
    alertmanager_token_file: Path | None = None
    """Bearer token with which Alertmanager may post its alerts here; none: it may not."""
    country_code: Annotated[str, StringConstraints(pattern=r"\A\+[0-9]{1,3}\z")] = "+84"
    """Stands for the first 0 of a telephone number."""
    drill_answer_within_s: Seconds = 900.0

    @model_validator(mode="before")
    @classmethod
    def _chains_keep_their_defaults(cls, value: Any) -> Any:  # noqa: ANN401 - whatever TOML can say
        """A chain of which one number is given keeps the others."""
        if not isinstance(value, dict):
            return value
        whole = dict(value)
        for name in ("critical", "warning"):
            if isinstance(whole.get(name), dict):
                whole[name] = {**cls.model_fields[name].default.model_dump(), **whole[name]}
        return whole

    @model_validator(mode="after")
    def _names_differ(self) -> "PagerConfig":
        names = [each.name for each in self.channel] + ([self.relay.name] if self.relay else [])
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"channel: got the name {twice[0]!r} twice; each channel has its own")
        return self

    def found_in(self, directory: Path) -> "PagerConfig":
        """With every file it names made absolute, relative to the directory of the configuration.

        Raises:
            ConfigError: a secret's file isn't there. A serial line may be: it is looked for whenever it is used.
        """
        channels = tuple(
            each.model_copy(
                update={
                    "secret_file": _found(directory, f"pager.channel.{each.name}.secret_file", each.secret_file),
                    "pin_file": _found(directory, f"pager.channel.{each.name}.pin_file", each.pin_file),
                }
            )
            for each in self.channel
        )
        key_file = _found(directory, "pager.heartbeat.key_file", self.heartbeat.key_file)
        token_file = _found(directory, "pager.alertmanager_token_file", self.alertmanager_token_file)
        heartbeat = self.heartbeat.model_copy(update={"key_file": key_file})
        return self.model_copy(
            update={"channel": channels, "heartbeat": heartbeat, "alertmanager_token_file": token_file}
        )


def _found(directory: Path, key: str, file: Path | None) -> Path | None:
    if file is None:
        return None
    absolute = directory / file
    if not absolute.is_file():
        raise ConfigError(f"configuration: {key}: got {str(file)!r}: no such file (looked for {absolute})")
    return absolute
