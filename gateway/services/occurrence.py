"""Where, when and by which numbered row something happened: what every projection is told besides the observation."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_NAMESPACE: Final = uuid.UUID("5f6d6b0e-6d65-5474-8170-000000000001")
"""Made once for this project: ids under it are the same however often a row is told."""


@dataclass(frozen=True)
class Occurrence:
    """One row of the events stream, in the database's terms."""

    site: str
    edge_node: str
    device_id: str
    device_key: int
    epoch: str
    epoch_key: int
    seq: int
    occurred_at: datetime
    """Device time, or our estimate where the device's clock is suspect."""
    received_at: datetime

    def id_for(self, purpose: str) -> uuid.UUID:
        """An id made from the row's own identity (RFC 9562 section 5.5): told twice, it is the same."""
        return uuid.uuid5(_NAMESPACE, f"{self.site}/{self.edge_node}/{self.epoch}/{self.seq}/{purpose}")
