"""Channels from the configuration."""

from collections.abc import Callable

from gateway.pager.alertmanager import AlertmanagerChannel
from gateway.pager.apprise_channel import AppriseChannel, read_secret
from gateway.pager.at_modem import AtModem
from gateway.pager.channels import Channel, LogChannel, WebhookChannel
from gateway.pager.config import ChannelConfig, PagerConfig
from gateway.pager.sms_channel import SmsChannel


def build_channels(config: PagerConfig, webhook_url: str) -> list[Channel]:
    """The log, the web hook if there is one, and all that the configuration names.

    Raises:
        ConfigError: a secret can't be read, or a URL that Apprise does not know.
    """
    channels: list[Channel] = [LogChannel()]
    if webhook_url:
        channels.append(WebhookChannel(webhook_url))
    return channels + [_MAKERS[each.kind](each) for each in config.channel]


def _sms(config: ChannelConfig) -> Channel:
    modem = AtModem(
        str(config.path), baud_rate=config.baud_rate, pin=read_secret(config.pin_file), answer_s=config.timeout_s * 2
    )
    return SmsChannel(config.name, modem)


def _webhook(config: ChannelConfig) -> Channel:
    return WebhookChannel(_with_secret(config), name=config.name, timeout_s=config.timeout_s)


def _alertmanager(config: ChannelConfig) -> Channel:
    return AlertmanagerChannel(config.name, _with_secret(config), timeout_s=config.timeout_s)


def _with_secret(config: ChannelConfig) -> str:
    return config.url.replace("{secret}", read_secret(config.secret_file))


_MAKERS: dict[str, Callable[[ChannelConfig], Channel]] = {
    "apprise": AppriseChannel,
    "sms_modem": _sms,
    "webhook": _webhook,
    "alertmanager": _alertmanager,
}
