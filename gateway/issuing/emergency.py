"""The emergency record as it goes onto a card: what people's data have, signed and sealed for terminals."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from cards.emergency.record import CodedEntry, EmergencyRecord
from cards.emergency.sealing import RecordTooLongError, seal_record
from gateway.db.pool import Pool
from gateway.issuing.keyring import Keyring
from gateway.people.emergency import EmergencyData
from gateway.people.people import People
from gateway.people.person import Reader
from gateway.stock.errors import WorkRefusedError

_OLD_AFTER: Final = timedelta(days=365)
"""After a year a record is shown as old: children grow out of doses and allergies."""
_SOME_ALLERGY: Final = CodedEntry("Có dị ứng, chưa ghi rõ: hỏi người nhà và bệnh án")
"""Nobody is to be told of no allergy where one is known and none is named."""
READER: Final = Reader("system", "card")


@dataclass(frozen=True)
class RecordSealing:
    """Makes records. Each making is a read of the patient's emergency data, and written down as one."""

    pool: Pool
    people: People
    keyring: Keyring
    clock: Callable[[], datetime]

    def seal(self, patient_id: UUID, card_id: str) -> bytes:
        """The sealed record for this card; empty: the patient has no birth date that a stranger could compare.

        Raises:
            WorkRefusedError: it is too long for a card.
            SignerError: the card CA's key can't be used.
        """
        record = self._record(patient_id, card_id)
        if record is None:
            return b""
        secrets = self.keyring.secrets()
        try:
            return seal_record(record, secrets.signer, secrets.terminals)
        except RecordTooLongError as error:
            raise WorkRefusedError("card_record_long", str(error)) from None

    def _record(self, patient_id: UUID, card_id: str) -> EmergencyRecord | None:
        now = self.clock()
        with self.pool.connection() as connection:
            patient = self.people.read(connection, [patient_id], READER).get(patient_id)
            if patient is None or patient.birth_date is None:
                return None
            known = self.people.emergency_for_card(connection, patient_id, READER) or EmergencyData()
        if patient.allergy_flag and not known.allergies:
            known = replace(known, allergies=(_SOME_ALLERGY,))
        return known.for_card(patient, card_id, now, now.replace(microsecond=0) + _OLD_AFTER)
