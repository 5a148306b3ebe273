"""Python's garbage collector in a process that serves: what is there stays out of its sight, and it looks rarely."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_YOUNG: Final = 50_000
_OLD: Final = (20, 50)
"""A page of ten thousand lines makes some 80,000 objects and no cycles: with Python's own threshold of 700 the
collector went through them a hundred times, for as long as the page itself took. What is in cycles is found some
megabytes later."""


@contextmanager
def calm_collector() -> Iterator[None]:
    """Enter when all is started: going through all that is there by then held everything up for 130 ms at times."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *_OLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
