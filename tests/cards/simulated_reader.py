"""A reader without a driver: simulated cards on a `CardConnection`, with a hand that takes them away at any command."""

from dataclasses import dataclass, field

from cards.errors import CardGoneError
from firmware_sim.apdu_server import ApduCard


@dataclass
class SimulatedReader:
    """Passes APDUs to a card that is as real as firmware_sim makes it."""

    card: ApduCard
    gone_at: int = 1_000_000
    """Number of the command, from 0, at which the card is pulled away."""
    carried_out: bool = False
    """Whether the card still carried that command out; its answer is lost either way."""
    commands: list[bytes] = field(default_factory=list)

    def transmit(self, command: bytes) -> bytes:
        """One command."""
        number = len(self.commands)
        self.commands.append(command)
        if number > self.gone_at:
            raise CardGoneError("no card")
        if number < self.gone_at or self.carried_out:
            answer = self.card.apdu(command)
        if number == self.gone_at or answer is None:
            self.card.reset()
            raise CardGoneError("pulled away")
        return answer
