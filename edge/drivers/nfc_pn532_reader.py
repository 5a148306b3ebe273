"""A PN532 on a serial line through nfcpy: open, sense, activate, close, with nfcpy's failures sorted into ours."""

import contextlib
import logging
import re
import termios
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cards.errors import CardGoneError
from edge.drivers.driver import DeviceLostError, DeviceMisconfiguredError
from edge.drivers.nfc_pn532_speed import recall_to_first_speed

_SAFE_PATH: Final = re.compile(r"/[\w/.:@+=,-]+\Z", re.ASCII)
"""nfcpy hands the path to a shell (stty) when it looks for a faster baud rate."""
_IS_ISO_DEP: Final = 0x20
"""SAK bit 6: ISO/IEC 14443-4 compliant (14443-3, table 9)."""
_TYPE_MASK: Final = 0x60
"""SAK bits 6 and 7 both clear: configured for Type 2 (NFC Forum Digital 1.1, table 20)."""


class Pn532Reader:
    """One open chip. Every method raises DeviceLostError when the chip or its line fails."""

    def __init__(self, path: Path, nfc: Any, frontend: Any) -> None:  # noqa: ANN401 - nfcpy ships no types
        """Made by `open_pn532`."""
        self._path = path
        self._nfc = nfc
        self._frontend = frontend
        self._deadline: float | None = None
        self._exchange_unlimited = frontend.exchange
        frontend.exchange = self._exchange  # nfcpy's tags talk through this attribute of the front end

    @property
    def name(self) -> str:
        """Chip and firmware, such as `PN532v1.6`."""
        return str(self._frontend.device.chipset_name)

    def sense(self) -> Any:  # noqa: ANN401 - nfc.clf.RemoteTarget or None
        """Switch the field off and on, and look for one type A card: nfcpy's target, or None."""
        try:
            with self._line_errors():
                return self._frontend.sense(self._nfc.clf.RemoteTarget("106A"))
        except self._nfc.clf.CommunicationError:
            return None

    def is_iso_dep(self, target: Any) -> bool:  # noqa: ANN401
        """Whether APDUs can be sent to it."""
        return bool(target.sel_res and target.sel_res[0] & _IS_ISO_DEP)

    def is_type2(self, target: Any) -> bool:  # noqa: ANN401
        """Whether it can be read page by page (a MIFARE Classic says so too, and then refuses)."""
        return bool(target.sel_res and target.sel_res[0] & _TYPE_MASK == 0)

    def activate(self, target: Any) -> Any:  # noqa: ANN401 - nfc.tag.Tag
        """The tag object of nfcpy for a Type 2 or Type 4 target.

        Not through nfc.tag.activate: that tries authentication and version commands on NXP tags to name the product,
        and each refused one costs a new anticollision.

        Raises:
            CardGoneError: no sensible answer to the activation.
        """
        try:
            if self.is_iso_dep(target):
                return self._nfc.tag.tt4.Type4ATag(self._frontend, target)
            target.sel_req = target.sdd_res[:]
            return self._nfc.tag.tt2.Type2Tag(self._frontend, target)
        except (DeviceLostError, CardGoneError):
            raise
        except Exception as error:
            # CommunicationError; IndexError where the answer to select is shorter than nfcpy believes
            raise CardGoneError(f"activation failed: {type(error).__name__}: {error}") from error

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Give all exchanges in this block together so long: a card that asks for time for ever is taken as gone."""
        self._deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            self._deadline = None

    def abort(self) -> None:
        """From another thread: let go of the line, so that whatever waits on it ends in an error."""
        with contextlib.suppress(Exception):
            port = self._frontend.device.chipset.transport.tty
            port.cancel_read()
            port.close()

    def close(self) -> None:
        """Put the chip to sleep at its first baud rate, if it still answers, and close the line in any case."""
        device = self._frontend.device
        port = getattr(getattr(device.chipset, "transport", None), "tty", None)
        with contextlib.suppress(Exception):  # the line may be gone: nothing more can be done for it
            device.close()
        if port is not None:
            with contextlib.suppress(Exception):
                port.close()

    def _exchange(self, data: Any, timeout: float) -> Any:  # noqa: ANN401
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise CardGoneError("the card took too long")
        with self._line_errors():
            return self._exchange_unlimited(data, timeout)

    @contextlib.contextmanager
    def _line_errors(self) -> Iterator[None]:
        """Sort nfcpy's failures: its CommunicationError is about the card; all else is the chip or its line."""
        try:
            yield
        except self._nfc.clf.CommunicationError:
            raise
        except (OSError, termios.error, self._nfc.clf.pn53x.Chipset.Error) as error:
            raise lost(self._path, error) from error
        except (IndexError, TypeError, AssertionError, AttributeError, ValueError) as error:
            # a frame cut short or out of step, taken for a whole one; or the port closed under nfcpy by `abort`
            raise lost(self._path, error) from error


def lost(path: Path, error: BaseException) -> DeviceLostError:
    """What to say when the chip or its line failed."""
    return DeviceLostError(
        f"PN532 at {str(path)!r}: {type(error).__name__}: {error}; "
        "check its cable, that no other program holds the port, and that this user may open it (group dialout)"
    )


def open_pn532(path: Path) -> Pn532Reader:
    """Open the chip at a serial device of any name.

    Raises:
        DeviceLostError: no such path, or nothing there that answers as a PN532.
        DeviceMisconfiguredError: nfcpy is not installed, or the path has characters that a shell would act on.
    """
    if not _SAFE_PATH.match(str(path)):
        raise DeviceMisconfiguredError(
            f"path {str(path)!r}: expected an absolute path of letters, digits and /._:@+=,- such as '/dev/ttyUSB0'"
        )
    nfc = _import_nfc()
    try:
        return _open(nfc, path)
    except DeviceLostError:
        if path.exists() and recall_to_first_speed(path):
            return _open(nfc, path)
        raise


def _open(nfc: Any, path: Path) -> Pn532Reader:  # noqa: ANN401
    transport = None
    try:
        transport = nfc.clf.transport.TTY(str(path))
        frontend = nfc.clf.ContactlessFrontend()
        frontend.device = nfc.clf.pn532.init(transport)
        frontend.device._path = str(path)  # noqa: SLF001 - what ContactlessFrontend.open sets, for its name
    except Exception as error:
        # IOError ENODEV where nothing answers; termios.error, SerialException, IndexError and AssertionError where the
        # line carries something else
        port = getattr(transport, "tty", None)
        if port is not None:
            with contextlib.suppress(Exception):
                port.close()
        raise lost(path, error) from error
    return Pn532Reader(path, nfc, frontend)


def _import_nfc() -> Any:  # noqa: ANN401
    """Import nfcpy, and undo what it does to the process on import: it redirects Python's warnings into logging."""
    show = warnings.showwarning
    try:
        import nfc  # noqa: PLC0415 - an optional extra (EUPL), imported where it is used
        import nfc.clf  # noqa: PLC0415
        import nfc.clf.pn53x  # noqa: PLC0415
        import nfc.clf.pn532  # noqa: PLC0415
        import nfc.clf.transport  # noqa: PLC0415
        import nfc.tag.tt2  # noqa: PLC0415
        import nfc.tag.tt4  # noqa: PLC0415
    except ImportError as error:
        raise DeviceMisconfiguredError(
            f"driver nfc_pn532 needs nfcpy: {error}; mend: pip install 'medtap[nfc]'"
        ) from None
    if warnings.showwarning is not show:
        logging.captureWarnings(capture=False)
    logger = logging.getLogger("nfc")
    if all(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        # It reports each silent card as an error; what matters reaches us as exceptions. Whoever wants its words puts a
        # handler on the logger `nfc`.
        logger.propagate = False
    return nfc
