"""Personalising an NTAG 424 DNA, so that it is ours or blank in the end, wherever it was interrupted.

The chip itself says how far it is: the version byte of each key, and whether its file has secure messaging. The last
command turns that messaging on. Before it, whatever the chip shows has no MAC; after it, everything else is done. So
there is no half-issued card, and nothing to write down: `personalise` and `wipe` go on from whatever they find, also
when the card left without saying whether it had carried out the last command.

    blank:       all keys the factory's
    unfinished:  any key ours, or not all settings ours
    issued:      all keys ours, current; file and settings ours
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cards.card_state import CardState, ForeignCardError, NotIssuedError, Progress
from cards.connection import CardConnection
from cards.errors import CardAnswerError, CardDataError
from cards.ntag424.address import FILE_BYTES_MAX, AddressTemplate, judge_address
from cards.ntag424.chip import NDEF_FILE, NDEF_FILE_BYTES, WRITE_BYTES_MAX, Ntag424Chip
from cards.ntag424.file_settings import FACTORY_NDEF_SETTINGS, has_sdm
from cards.ntag424.keys import FACTORY_KEY, FACTORY_KEY_VERSION, KEY_COUNT, MASTER_KEY, KeyMasters
from cards.ntag424.native import AuthenticationError
from cards.ntag424.ndef_address import read_address
from cards.processors import processor_for


@dataclass(frozen=True)
class IssuedTag:
    """A finished card."""

    uid: bytes
    key_version: int
    counter: int
    """Of the reading that proved it: the desk remembers it, so that what the card showed before stays behind it."""


def tag_state(connection: CardConnection, masters: KeyMasters, base: str) -> CardState:
    """How far the card on the reader is. Nothing on it changes.

    Raises:
        CardGoneError: it left.
        ForeignCardError: it is not ours to write.
        CardAnswerError, CardDataError: it refused what it should not, or spoke nonsense.
    """
    return _Work(connection, masters, AddressTemplate(base, masters.current)).state()


def personalise(
    connection: CardConnection,
    masters: KeyMasters,
    base: str,
    *,
    progress: Progress = lambda _step: None,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> IssuedTag:
    """Make the card on the reader ours, from whatever state, and let it prove itself. An issued card stays as it is.

    A card that has an older key version is brought to the current one. One that was wiped counts its taps from the
    beginning again: issue it under a higher key version than before, or its taps are taken for replays.

    Raises:
        CardGoneError: it left; call again with the same card.
        ForeignCardError: it is not ours to write.
        NotIssuedError: it took everything and does not prove itself.
        CardAnswerError, CardDataError: it refused what it should not, or spoke nonsense; call again, or wipe.
        ValueError: an address that does not fit the card.
    """
    template = AddressTemplate(base, masters.current)
    if len(template.file) > FILE_BYTES_MAX:
        raise ValueError(f"address file of {len(template.file)} bytes: expected at most {FILE_BYTES_MAX}")
    work = _Work(connection, masters, template, progress, random)
    return work.personalise()


def wipe(
    connection: CardConnection,
    masters: KeyMasters,
    *,
    progress: Progress = lambda _step: None,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> None:
    """Make the card on the reader blank, from whatever state: no message, no key of ours, as delivered.

    Raises:
        As `personalise`.
    """
    _Work(connection, masters, AddressTemplate("https://x", masters.current), progress, random).wipe()


class _Work:
    """One card on one reader."""

    def __init__(
        self,
        connection: CardConnection,
        masters: KeyMasters,
        template: AddressTemplate,
        progress: Progress = lambda _step: None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._connection = connection
        self._masters = masters
        self._template = template
        self._progress = progress
        self._random = random

    def _opened(self) -> Ntag424Chip:
        """A session with key 0, whichever of ours or the factory's it is."""
        try:
            chip = Ntag424Chip.select(processor_for(self._connection), self._random)
            version = chip.version()
        except CardAnswerError as error:
            raise ForeignCardError(f"not an NTAG 424 DNA: {error}") from None
        if not version.is_ntag424:
            raise ForeignCardError(f"not an NTAG 424 DNA: it says hardware {version.hardware.hex()}")
        self._uid = version.uid
        known = chip.key_version(MASTER_KEY)
        if known != FACTORY_KEY_VERSION and known not in self._masters.by_version:
            raise ForeignCardError(f"card {self._uid.hex()}: key 0 has version {known}, of which we have no master key")
        try:
            chip.authenticate(MASTER_KEY, self._masters.card_key(self._uid, MASTER_KEY, known))
        except AuthenticationError as error:
            raise ForeignCardError(f"card {self._uid.hex()}: key 0 is not ours: {error}") from None
        if chip.card_uid() != self._uid:
            raise CardDataError(f"card {self._uid.hex()}: its UID differs within the session: two cards, or a forger")
        return chip

    def _versions(self, chip: Ntag424Chip) -> list[int]:
        return [chip.key_version(number) for number in range(KEY_COUNT)]

    def state(self) -> CardState:
        """As `tag_state`."""
        chip = self._opened()
        return self._state(chip, self._versions(chip))

    def _state(self, chip: Ntag424Chip, versions: list[int]) -> CardState:
        settings = chip.file_settings(NDEF_FILE)
        if set(versions) == {FACTORY_KEY_VERSION} and settings == FACTORY_NDEF_SETTINGS.encode():
            return CardState.BLANK
        if set(versions) == {self._masters.current} and settings == self._template.settings.encode():
            file = self._template.file
            if chip.read(NDEF_FILE, 0, len(file)) == file:
                return CardState.ISSUED
        return CardState.UNFINISHED

    def personalise(self) -> IssuedTag:
        """As the function of that name."""
        self._progress("look")
        chip = self._opened()
        versions = self._versions(chip)
        if self._state(chip, versions) is not CardState.ISSUED:
            self._silence(chip)
            chip = self._change_keys(chip, versions, self._masters.current)
            self._progress("write")
            chip.write(NDEF_FILE, 0, self._template.file)
            self._progress("finish")
            chip.change_file_settings(NDEF_FILE, self._template.settings)
        return self._proven()

    def wipe(self) -> None:
        """As the function of that name."""
        self._progress("look")
        chip = self._opened()
        self._silence(chip)
        self._progress("write")
        for offset in range(0, NDEF_FILE_BYTES, WRITE_BYTES_MAX):
            chip.write(NDEF_FILE, offset, bytes(min(WRITE_BYTES_MAX, NDEF_FILE_BYTES - offset)))
        self._change_keys(chip, self._versions(chip), FACTORY_KEY_VERSION)
        chip = self._opened()
        if self._state(chip, self._versions(chip)) is not CardState.BLANK:
            raise NotIssuedError(f"card {self._uid.hex()} is not blank after wiping: put it aside")

    def _silence(self, chip: Ntag424Chip) -> None:
        """Secure messaging off, file open: before anything it depends on is changed."""
        settings = chip.file_settings(NDEF_FILE)
        if has_sdm(settings) or settings != FACTORY_NDEF_SETTINGS.encode():
            self._progress("silence")
            chip.change_file_settings(NDEF_FILE, FACTORY_NDEF_SETTINGS)

    def _change_keys(self, chip: Ntag424Chip, versions: list[int], wanted: int) -> Ntag424Chip:
        """Keys 4 to 1, then key 0, which the others are changed with; then a session with the new key 0."""
        for number in reversed(range(KEY_COUNT)):
            if versions[number] == wanted:
                continue
            self._progress(f"key {number}")
            old, new = (self._key(number, version) for version in (versions[number], wanted))
            chip.change_key(number, old, new, wanted)
        if versions[MASTER_KEY] != wanted:
            chip.authenticate(MASTER_KEY, self._key(MASTER_KEY, wanted))
        return chip

    def _key(self, number: int, version: int) -> bytes:
        if version == FACTORY_KEY_VERSION:
            return FACTORY_KEY
        try:
            return self._masters.card_key(self._uid, number, version)
        except ValueError as error:
            raise ForeignCardError(f"card {self._uid.hex()}, key {number}: {error}") from None

    def _proven(self) -> IssuedTag:
        """Read it as any telephone would, and judge that."""
        self._progress("prove")
        url = read_address(self._connection)
        verdict = judge_address(url, self._masters)
        sun = verdict.sun
        if not sun.valid or sun.uid != self._uid or sun.counter is None:
            raise NotIssuedError(
                f"card {self._uid.hex()} does not prove itself: {sun.reason or 'it names another UID'}"
            )
        return IssuedTag(self._uid, self._masters.current, sun.counter)
