"""One asyncio event loop in a thread of its own, for simulated devices that are network servers."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")
_TURNS = 5
"""Turns of the loop from an accepted socket to a handler that runs: accept task, transport, connection_made, task."""


class LoopThread:
    """Runs coroutines for callers in other threads."""

    def __init__(self, name: str) -> None:
        """Start the loop; `name` is the thread's."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, _Result], timeout_s: float = 10.0) -> _Result:
        """Run a coroutine in the loop and wait for its result.

        Raises:
            TimeoutError: not done within `timeout_s` seconds.
        """
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_s)

    def soon(self, function: Callable[[], None]) -> None:
        """Run a plain function in the loop, without waiting for it."""
        self._loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        """Cancel what still runs, end the loop and its thread."""
        if self._loop.is_closed():
            return
        self.call(self._cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel_all(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # One turn more, so that closed transports run their connection_lost callbacks.
        await asyncio.sleep(0)


async def stop_accepting(server: asyncio.Server) -> None:
    """Take no more connections, and let those taken already reach their handlers, so that they can be closed properly.

    Closing an asyncio server while it accepts leaks the accepted socket (seen with Python 3.11: the accept task fails
    on the closed server). To be called in the server's own loop, before `close`.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    for _ in range(_TURNS):
        await asyncio.sleep(0)
