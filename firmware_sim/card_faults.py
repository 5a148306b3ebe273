"""Cards that misbehave: each wraps a card, or is one that lies. A reader must tell every one from a good card."""

import random
import threading
from collections.abc import Callable, Mapping

from firmware_sim.apdu_server import SW_NOT_FOUND, ApduCard, contactless_atr
from firmware_sim.card_ca import draw_key
from firmware_sim.piv_card import PivCard


def clone(card: PivCard, rng: random.Random) -> PivCard:
    """A forger's copy: UID, CHUID and certificate as read from `card`, and a key of the forger's own."""
    return PivCard(card.guid, card.uid, draw_key(rng), card.certificate_der, expires=card.expires)


def foreign_certificate(card: PivCard, other: PivCard, rng: random.Random) -> PivCard:
    """A card that shows the CHUID of `card` with the genuine certificate of `other`, and has the key of neither."""
    return PivCard(card.guid, card.uid, draw_key(rng), other.certificate_der, expires=card.expires)


class _Wrapped:
    """Passes everything on; subclasses change one thing."""

    def __init__(self, card: ApduCard) -> None:
        self._card = card
        self._commands = 0

    @property
    def atr(self) -> bytes:
        """The wrapped card's."""
        return self._card.atr

    @property
    def uid(self) -> bytes:
        """The wrapped card's."""
        return self._card.uid

    @property
    def latency_s(self) -> float:
        """The wrapped card's."""
        return self._card.latency_s

    def reset(self) -> None:
        """Reset the wrapped card; commands are counted anew."""
        self._commands = 0
        self._card.reset()

    def apdu(self, command: bytes) -> bytes | None:
        """Count and pass on."""
        self._commands += 1
        return self._card.apdu(command)


class SlowCard(_Wrapped):
    """Thinks `latency_s` seconds about every command: an old chip, or one at the edge of the field."""

    def __init__(self, card: ApduCard, latency_s: float) -> None:
        """Slow `card` down."""
        super().__init__(card)
        self._latency_s = latency_s

    @property
    def latency_s(self) -> float:
        """Seconds per command."""
        return self._latency_s


class MuteCard(_Wrapped):
    """Answers `good_commands` commands after each reset, then nothing more."""

    def __init__(self, card: ApduCard, good_commands: int = 0) -> None:
        """Make `card` fall silent."""
        super().__init__(card)
        self._good_commands = good_commands

    def apdu(self, command: bytes) -> bytes | None:
        """Pass on, or be silent."""
        answer = super().apdu(command)
        return answer if self._commands <= self._good_commands else None


class YankedCard(_Wrapped):
    """Leaves the reader in the middle of its command number `on_command` (counted from 1), once.

    `pull` is the hand: `field.take` or a vpcd slot's `yank`. It runs in a thread of its own, as it may wait for the
    very link that is waiting for this answer.
    """

    def __init__(self, card: ApduCard, on_command: int, pull: Callable[[], object]) -> None:
        """Be pulled away by `pull`."""
        super().__init__(card)
        self._on_command = on_command
        self._pull = pull
        self._pulled = False

    def apdu(self, command: bytes) -> bytes | None:
        """Pass on, or go."""
        answer = super().apdu(command)
        if self._commands != self._on_command or self._pulled:
            return answer
        self._pulled = True
        threading.Thread(target=self._pull, name="yanked-card", daemon=True).start()
        return None


class WrongAnswers(_Wrapped):
    """Answers some instructions with fixed bytes, whatever is asked (data and SW, or nonsense)."""

    def __init__(self, card: ApduCard, answers: Mapping[int, bytes]) -> None:
        """`answers` maps INS to the whole response APDU."""
        super().__init__(card)
        self._answers = dict(answers)

    def apdu(self, command: bytes) -> bytes | None:
        """Pass on, or answer wrongly."""
        answer = super().apdu(command)
        ins = command[1] if len(command) > 1 else -1
        return self._answers.get(ins, answer)


class GarbledCard(_Wrapped):
    """Spoils each answer: one bit turned, cut short, or noise instead. The status word may survive or not."""

    def __init__(self, card: ApduCard, rng: random.Random) -> None:
        """Spoil `card` as `rng` says."""
        super().__init__(card)
        self._rng = rng

    def apdu(self, command: bytes) -> bytes | None:
        """Pass on, spoilt."""
        answer = super().apdu(command)
        if not answer:
            return answer
        choice = self._rng.randrange(3)
        if choice == 0:
            spoilt = bytearray(answer)
            spoilt[self._rng.randrange(len(spoilt))] ^= 1 << self._rng.randrange(8)
            return bytes(spoilt)
        if choice == 1:
            return answer[: self._rng.randrange(2, len(answer) + 1)]
        return self._rng.randbytes(self._rng.randrange(2, 40))


class UidOnlyCard:
    """A card (or a phone) that copies a UID and has no application: it fools who trusts a UID, and nobody else."""

    atr = contactless_atr(b"")
    latency_s = 0.0

    def __init__(self, uid: bytes) -> None:
        """Show this UID."""
        self.uid = uid

    def reset(self) -> None:
        """Nothing to forget."""

    def apdu(self, command: bytes) -> bytes:
        """Whatever is selected is not found."""
        del command
        return SW_NOT_FOUND.to_bytes(2, "big")
