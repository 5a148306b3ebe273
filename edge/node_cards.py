"""What a node judges cards with, from its configuration: files are read once, when the agent starts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from cryptography import x509

from cards.emergency.sealing import TerminalKeys
from cards.ntag424.desk_keys import DeskKeys, DeskKeysError
from cards.trust import TrustAnchorError, TrustAnchors
from edge.agent_errors import AgentError
from edge.card_status import CardStatusKeeper
from edge.card_trust import CardTrust, HolderReading
from edge.clock import Clock
from edge.config import CardsConfig
from edge.status import CardStatusEntry

_Read = TypeVar("_Read")


@dataclass(frozen=True, repr=False)
class NodeCards:
    """The files of `[cards]`."""

    anchors: TrustAnchors
    status_signers: TrustAnchors
    """The trust anchors, and whoever else signs status lists: these can't make a card genuine."""
    desk_keys: DeskKeys | None
    terminal_keys: TerminalKeys | None = None
    """They open the emergency records of PIV cards."""

    @classmethod
    def load(cls, config: CardsConfig) -> "NodeCards":
        """Read the files.

        Raises:
            AgentError: one can't be used; the message names its key in the configuration.
        """
        anchors = TrustAnchors.joined(
            [_read("trust_anchor_files", file, TrustAnchors.from_pem) for file in config.trust_anchor_files]
        )
        signers = TrustAnchors.joined(
            [_read("status_signer_files", file, _certificates) for file in config.status_signer_files]
        )
        keys = config.desk_keys_file
        desk_keys = None if keys is None else _read("desk_keys_file", keys, DeskKeys.from_json)
        pem = config.terminal_keys_file
        terminal_keys = None if pem is None else _read("terminal_keys_file", pem, TerminalKeys.from_pem)
        return cls(anchors, TrustAnchors.joined((anchors, signers)), desk_keys, terminal_keys)

    def keeper(self, state_dir: Path, site: str, clock: Clock, config: CardsConfig) -> CardStatusKeeper:
        """The node's status list, as it was kept."""
        age_max = timedelta(hours=config.status_age_max_h)
        return CardStatusKeeper(state_dir, site, self.status_signers, clock, age_max=age_max)

    def trust(self, keeper: CardStatusKeeper, holders: HolderReading | None) -> CardTrust:
        """What the drivers are given."""
        return CardTrust(self.anchors, self.desk_keys, keeper, holders)


def card_status_entry(keeper: CardStatusKeeper, clock: Clock) -> CardStatusEntry | None:
    """The list in use, for the status file."""
    found = keeper.in_use
    _, used = keeper.judge("", clock.stamp().occurred_at)
    if found is None or used is None:
        return None
    return CardStatusEntry(
        number=used.number, issued_at=used.issued_at, cards=len(found.states), age_s=used.age_s, stale=used.stale
    )


def _certificates(pem: bytes) -> TrustAnchors:
    """Unlike a card CA's, they need not be able to certify anyone."""
    return TrustAnchors(tuple(x509.load_pem_x509_certificates(pem)))


def _read(key: str, file: Path, understand: Callable[[bytes], _Read]) -> _Read:
    try:
        return understand(file.read_bytes())
    except (OSError, TrustAnchorError, DeskKeysError, ValueError) as error:
        raise AgentError(f"cards.{key}: {str(file)!r}: {error}") from error
