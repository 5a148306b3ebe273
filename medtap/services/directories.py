"""Directories of services that start by themselves, swept by the next start if their owner was killed."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

PREFIX: Final = "medtap-"
OWNER_FILE: Final = "owner"
"""Holds the owner's process id for a person to read, and an flock(2) that the owner keeps for as long as it lives.

The kernel lets go of the lock when the last process that holds it has ended, however it ended. A process id alone could
be given out anew, and says nothing in another container that shares the directory.
"""


class OwnedDirectory:
    """A new temporary directory that goes with its owner: by `remove`, or by the next `sweep` if the owner was killed.

    Args:
        prefix: of its name; begins with `PREFIX`, or no sweep would find it.
    """

    def __init__(self, prefix: str) -> None:
        sweep()
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        unfinished = self.path / f"{OWNER_FILE}.new"
        self.lock = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        """Descriptor to hand to a child process: while the child lives, nobody sweeps."""
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        os.write(self.lock, b"%d\n" % os.getpid())
        unfinished.rename(self.path / OWNER_FILE)  # only now, locked, can a sweep see it

    def remove(self) -> None:
        """Delete it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def sweep(where: Path | None = None) -> tuple[Path, ...]:
    """Delete the directories whose owners and their children are gone; return them.

    Args:
        where: the directory that they lie in; by default the one for temporary files.
    """
    found = sorted((where or Path(tempfile.gettempdir())).glob(f"{PREFIX}*/{OWNER_FILE}"))
    return tuple(owner.parent for owner in found if _swept(owner))


def _swept(owner: Path) -> bool:
    directory = owner.parent
    try:
        if directory.lstat().st_uid != os.geteuid() or directory.is_symlink():
            return False
        lock = os.open(owner, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # another sweep was quicker, or it is no file of ours
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in directory.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path != owner:
                path.unlink(missing_ok=True)
        owner.unlink(missing_ok=True)  # last: a sweep that is itself killed is gone on with
        directory.rmdir()
    except OSError:  # it lives, or something in it can't be deleted: the next sweep tries again
        return False
    finally:
        os.close(lock)
    return True
