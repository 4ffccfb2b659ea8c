# SPDX-License-Identifier: Apache-2.0
"""Which gateways to look at, and when: a burst about one is one look, and one is in one pair of hands at a time."""

import asyncio
import logging
from collections.abc import Callable

from aigw_operator.reconcile import Key

GATHER_SECONDS = 0.2  # what comes in this time about one gateway is one look
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0

log = logging.getLogger(__name__)

Work = Callable[[Key], float | None]


class WorkQueue:
    """`work` runs in threads, at most `workers` at a time, never twice at once for a key.

    It returns seconds until the next look, None to forget the key; if it raises, it is tried again, ever more slowly.
    """

    def __init__(self, work: Work, workers: int) -> None:
        self._work = work
        self._free = asyncio.Semaphore(workers)
        self._due: dict[Key, asyncio.TimerHandle] = {}
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, key: Key, after: float = GATHER_SECONDS) -> None:
        """Look at `key` after so many seconds, or earlier if it is due earlier."""
        if key in self._busy:
            self._again.add(key)
            return
        loop = asyncio.get_running_loop()
        known = self._due.get(key)
        if known is not None:
            if known.when() <= loop.time() + after:
                return
            known.cancel()
        self._due[key] = loop.call_later(after, self._begin, key)

    def _begin(self, key: Key) -> None:
        self._due.pop(key, None)
        self._busy.add(key)
        task = asyncio.create_task(self._one(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _one(self, key: Key) -> None:
        async with self._free:
            after = await self._look(key)
        self._busy.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        elif after is not None:
            self.add(key, after)

    async def _look(self, key: Key) -> float | None:
        try:
            after = await asyncio.to_thread(self._work, key)
        except Exception as error:  # the API server is out of reach, or a fault of ours: try again
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(FIRST_RETRY * 2.0 ** (failures - 1), LONGEST_RETRY)
            log.warning("%s/%s: %s; again in %g s", *key, f"{type(error).__name__}: {error}"[:300], pause)
            log.debug("the look at %s/%s failed", *key, exc_info=True)
            return pause
        self._failures.pop(key, None)
        return after
