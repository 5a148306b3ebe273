"""Reads from a card that has proved itself whose it is, for the desk's own screen: after the tap is on disk."""

import logging
from collections.abc import Callable
from datetime import datetime

from cards.connection import CardConnection
from cards.emergency.sealing import RecordNotForUsError, RecordNotGenuineError, TerminalKeys, open_record
from cards.errors import CardError
from cards.piv import PivCardApplication
from cards.processors import processor_for
from cards.trust import TrustAnchors
from edge.contracts.observations import CardPresented
from edge.desk_screen.shown_tap import Holder

_LOG = logging.getLogger(__name__)


class HolderReader:
    """For all readers of a node."""

    def __init__(
        self, keys: TerminalKeys, issuers: TrustAnchors, show: Callable[[str, datetime, Holder], None]
    ) -> None:
        """`keys` open what was sealed for terminals; `issuers` signed it; `show` is the screen's."""
        self._keys = keys
        self._issuers = issuers
        self._show = show

    def read(self, connection: CardConnection, card: CardPresented) -> None:
        """Show whose card this is, if its issuer wrote it there. A card that left or has no record shows nothing.

        Only a PIV card that has just proved its key: the record is bound to its card id.
        """
        if card.profile != "piv" or card.verdict != "genuine":
            return
        try:
            sealed = PivCardApplication.select(processor_for(connection)).emergency_record()
            if not sealed:
                return
            record = open_record(sealed, card.card_id, self._keys, self._issuers)
        except (RecordNotForUsError, RecordNotGenuineError) as error:
            # Nothing of what it says is shown, and nothing of it stands in the message.
            _LOG.warning("the emergency record on a card is not shown: %s", type(error).__name__)
            return
        except CardError as error:
            _LOG.info("a card left before its emergency record was read, or has none: %s", error)
            return
        self._show(card.device_id, card.occurred_at, Holder.of(record, card.occurred_at))
