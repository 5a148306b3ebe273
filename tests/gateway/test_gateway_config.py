"""The gateway's configuration file: the sample is the documentation, and what is wrong is named."""

from pathlib import Path

import pytest

from gateway.config import GatewayConfig, load
from gateway.errors import ConfigError
from gateway.people.config import KEY_FILE_NAME, PeopleConfig

SAMPLE = Path(__file__).parents[2] / "gateway" / "sample.toml"


def _load(tmp_path: Path, text: str, **environment: str) -> GatewayConfig:
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    return load(file, environment)


def test_the_sample_is_valid_and_shows_the_defaults() -> None:
    config = load(SAMPLE, {})
    bare = GatewayConfig(dsn=config.dsn, base_url=config.base_url)
    keys = PeopleConfig(key_file=SAMPLE.parent / KEY_FILE_NAME)
    assert config.model_copy(update={"people": PeopleConfig()}) == bare
    assert config.people == keys


def test_the_sample_mentions_every_key() -> None:
    text = SAMPLE.read_text()
    for table in (GatewayConfig, type(GatewayConfig(dsn="x").mqtt), type(GatewayConfig(dsn="x").http), PeopleConfig):
        for key in table.model_fields:
            assert f"{key} =" in text or f"[{key}]" in text, key


def test_the_environment_stands_over_the_file(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        'dsn = "one"\n[mqtt]\nport = 1\n',
        MEDTAP_GATEWAY_DSN="two",
        MEDTAP_GATEWAY_MQTT__PORT="8883",
        MEDTAP_GATEWAY_HTTP__HOST="0.0.0.0",  # noqa: S104 - only read
        UNRELATED="x",
    )
    assert (config.dsn, config.mqtt.port, config.http.host) == ("two", 8883, "0.0.0.0")  # noqa: S104 - only read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"dsn: missing; it has no default"),
        ('dsn = "x"\ncolour = 1\n', r"colour: unknown key; see gateway/sample\.toml"),
        ('dsn = "x"\n[mqtt]\nport = 0\n', r"mqtt\.port: got 0: Input should be greater than or equal to 1"),
        ('dsn = "x"\ntime_zone = "Mars/Olympus"\n', r"time_zone: got 'Mars/Olympus': .*not a time zone"),
        ('dsn = "x"\nlanguages = ["fr"]\n', r"languages\.0: got 'fr': "),
        ('dsn = "x"\nwebhook_url = "ftp://x"\n', r"webhook_url: got 'ftp://x': "),
        ('dsn = "x"\n[mqtt]\nsession_expiry_s = 60\n', r"mqtt\.session_expiry_s: got 60: "),
        ('dsn = "x"\n[mqtt]\nusername = "me"\n', r"mqtt: .*username needs password_file"),
        ('dsn = "x"\n[mqtt]\nca_file = "ca.pem"\n', r"mqtt: .*need tls = true"),
        ("dsn = [1]\n", r"dsn: got \(not shown\): "),
        ("dsn = ", r"is not TOML"),
        ('dsn = "x"\ntrust_anchor_files = ["absent.pem"]\n', r"trust_anchor_files: got 'absent\.pem': no such file"),
    ],
)
def test_what_is_wrong_is_named_with_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _load(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml' can't be read"):
        load(tmp_path / "absent.toml", {})


def test_file_names_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    config = _load(tmp_path, 'dsn = "x"\ntrust_anchor_files = ["ca.pem"]\n')
    assert config.trust_anchor_files == (tmp_path / "ca.pem",)


def test_a_base_url_loses_its_trailing_slash(tmp_path: Path) -> None:
    assert _load(tmp_path, 'dsn = "x"\nbase_url = "https://medtap.lan/"\n').base_url == "https://medtap.lan"
