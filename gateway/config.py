"""The gateway's configuration: one TOML file, and the environment over it. Wrong is refused before anything starts."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import pydantic
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from gateway.errors import ConfigError
from gateway.issuing.config import ISSUING_FILES, IssuingConfig
from gateway.pager.config import PagerConfig
from gateway.people.config import KEY_FILE_NAME, PeopleConfig
from gateway.taps.config import TapsConfig
from gateway.visits.config import InsuranceConfig

ENVIRONMENT_PREFIX: Final = "MEDTAP_GATEWAY_"
"""`MEDTAP_GATEWAY_DSN` stands for the key `dsn`, `MEDTAP_GATEWAY_MQTT__HOST` for `host` of the table `[mqtt]`."""

Port = Annotated[int, Field(ge=1, le=65535)]
HttpUrl = Annotated[str, StringConstraints(pattern=r"\A(https?://[^\s/]+\S*)?\z", max_length=2000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MqttConfig(_Table):
    """The broker. Credentials are named by file, so that the configuration can be shown to anyone."""

    host: str = "127.0.0.1"
    port: Port = 1883
    client_id: Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{1,64}\z")] = "medtap-gateway"
    """Names the session that the broker keeps for us while we are away: one gateway, one id, for ever."""
    username: str = ""
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    session_expiry_s: Annotated[int, Field(ge=3600, le=0xFFFFFFFE)] = 7 * 86400
    """How long the broker keeps our session, in seconds (MQTT 5 section 3.1.2.11.2); a long weekend and more."""
    shared_group: Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{0,64}\z")] = ""
    """Several gateways of one database share the work: the same group in each, another client_id in each. Only with a
    broker that bears shared subscriptions (mosquitto, EMQX; rumqttd 0.20 dies of them). Empty: none."""
    receive_maximum: Annotated[int, Field(ge=1, le=65535)] = 1000
    """Messages in flight without PUBACK (MQTT 5 section 3.1.2.11.3); with frames of 64 kB at most 64 MB wait here."""

    @model_validator(mode="after")
    def _tls_files_belong_together(self) -> "MqttConfig":
        if (self.client_certificate_file is None) != (self.client_key_file is None):
            raise ValueError("client_certificate_file and client_key_file: give both or none")
        if not self.tls and (self.ca_file or self.client_certificate_file):
            raise ValueError("ca_file and client_certificate_file need tls = true")
        if self.username and self.password_file is None:
            raise ValueError("username needs password_file")
        return self


class HttpConfig(_Table):
    """Where the pages and the API are served."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """TCP port; 0 takes a free one."""


class StorageConfig(_Table):
    """How long the time series stay how."""

    timescale: Literal["auto", "off"] = "auto"
    """auto: a database that is new takes up TimescaleDB if the server has it."""
    outage_days_max: Annotated[int, Field(ge=1, le=400)] = 30
    """The longest an edge node may have been away and still send everything; rows that old must find their place."""
    compress_after_days: Annotated[int, Field(ge=2, le=4000)] = 45
    """Age at which TimescaleDB packs readings into columns."""
    keep_readings_days: Annotated[int, Field(ge=0, le=36500)] = 0
    """Age at which readings are dropped, their sums by minute, hour and day being kept; 0: never."""

    @property
    def refresh_days(self) -> int:
        """How far back sums are made anew for rows that come late."""
        return self.outage_days_max + 1

    @model_validator(mode="after")
    def _late_rows_find_their_place(self) -> "StorageConfig":
        if self.compress_after_days <= self.outage_days_max:
            raise ValueError(
                f"compress_after_days: got {self.compress_after_days}: expected more than outage_days_max "
                f"({self.outage_days_max}): rows replayed after an outage would have to be unpacked for"
            )
        least = self.refresh_days + self.outage_days_max
        if 0 < self.keep_readings_days <= least:
            raise ValueError(
                f"keep_readings_days: got {self.keep_readings_days}: expected 0 or more than {least} (twice "
                "outage_days_max and a day): sums made anew from dropped readings would lose their history"
            )
        return self


class GatewayConfig(_Table):
    """All of it."""

    dsn: Annotated[str, StringConstraints(min_length=1)]
    """PostgreSQL connection URI or key-value string (libpq)."""
    mqtt: MqttConfig = MqttConfig()
    http: HttpConfig = HttpConfig()
    storage: StorageConfig = StorageConfig()
    people: PeopleConfig = PeopleConfig()
    issuing: IssuingConfig = IssuingConfig()
    pager: PagerConfig = PagerConfig()
    taps: TapsConfig = TapsConfig()
    insurance: InsuranceConfig = InsuranceConfig()
    base_url: HttpUrl = ""
    """The address people type, for links in pages and messages; empty: made from `http`."""
    time_zone: str = "Asia/Ho_Chi_Minh"
    """IANA name: a visit's day and a message's clock are local."""
    languages: Annotated[tuple[Literal["vi", "en"], ...], Field(min_length=1)] = ("vi", "en")
    """Languages of the pages; the first is the default."""
    webhook_url: HttpUrl = ""
    """Where alarms are posted as JSON; empty: no such channel."""
    trust_anchor_files: tuple[Path, ...] = ()
    """PEM files of the card issuers whose health cards are accepted; none: no card can be verified."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("not a time zone that this machine knows, such as 'Asia/Ho_Chi_Minh'") from None
        return value

    @field_validator("base_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @property
    def zone(self) -> ZoneInfo:
        """The hospital's time zone."""
        return ZoneInfo(self.time_zone)


def load(path: Path, environment: Mapping[str, str] | None = None) -> GatewayConfig:
    """Read the file, put the environment over it, check the whole. File names in it are relative to the file.

    Raises:
        ConfigError: unreadable, not TOML, an unknown key, a wrong value, or a named file that isn't there.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration {str(path)!r} can't be read: {error}") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"configuration {str(path)!r} is not TOML: {error}") from None
    _overlay(table, os.environ if environment is None else environment)
    try:
        config = GatewayConfig.model_validate(table)
    except pydantic.ValidationError as error:
        raise ConfigError(f"configuration {str(path)!r}: {_first_fault(error)}") from None
    return _resolve(config, path.parent)


def _overlay(table: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        *tables, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        inner = table
        for part in tables:
            inner = inner.setdefault(part, {})
        inner[key] = value


def _first_fault(error: pydantic.ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "file"
    if first["type"] == "missing":
        return f"{key}: missing; it has no default"
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key; see gateway/sample.toml for those that exist"
    # A DSN carries a password: it never reaches a message or a log.
    value = "(not shown)" if key == "dsn" else f"{first['input']!r:.100}"
    return f"{key}: got {value}: {first['msg']}"


def _resolve(config: GatewayConfig, directory: Path) -> GatewayConfig:
    """Make file names absolute and see that each is there."""

    def found(key: str, file: Path | None) -> Path | None:
        if file is None:
            return None
        absolute = file if file.is_absolute() else directory / file
        if not absolute.is_file():
            raise ConfigError(f"configuration: {key}: got {str(file)!r}: no such file (looked for {absolute})")
        return absolute

    names = ("password_file", "ca_file", "client_certificate_file", "client_key_file")
    mqtt = config.mqtt.model_copy(update={name: found(f"mqtt.{name}", getattr(config.mqtt, name)) for name in names})
    anchors = tuple(found("trust_anchor_files", file) for file in config.trust_anchor_files)
    people = config.people.model_copy(update={"key_file": directory / (config.people.key_file or KEY_FILE_NAME)})
    token = found("insurance.token_file", config.insurance.token_file)
    insurance = config.insurance.model_copy(update={"token_file": token})
    issuing = config.issuing.model_copy(
        update={name: found(f"issuing.{name}", getattr(config.issuing, name)) for name in ISSUING_FILES}
    )
    return config.model_copy(
        update={
            "issuing": issuing,
            "insurance": insurance,
            "mqtt": mqtt,
            "trust_anchor_files": anchors,
            "people": people,
            "pager": config.pager.found_in(directory),
            "taps": config.taps.below(directory),
        }
    )
