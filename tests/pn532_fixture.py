"""A host that is patient with the simulated PN532, which is a thread that a busy machine may leave waiting.

nfcpy gives a chip 0.1 s to acknowledge a command. A real chip needs 15 ms at most (UM0701-02, 6.2.2) however busy the
host is; the simulated one has nothing but its share of the host's processor.
"""

import nfc.clf.transport
import pytest

MORE_MS = 3000


@pytest.fixture(autouse=True)
def patient_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for each frame so many milliseconds longer than nfcpy would."""
    read = nfc.clf.transport.TTY.read
    monkeypatch.setattr(nfc.clf.transport.TTY, "read", lambda line, timeout: read(line, timeout + MORE_MS))
