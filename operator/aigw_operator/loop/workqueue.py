# SPDX-License-Identifier: Apache-2.0
"""Which gateways to look at, and when: a burst about one is one look, and one is in one pair of hands at a time.

Two lanes. What was heard (an edit, a child that changed) goes before what only time brings, and one worker is kept free
of the latter: so an edit waits for nobody, however many gateways are due for their regular look.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aigw_operator import metrics
from aigw_operator.kinds import Key
from aigw_operator.loop.pace import Outcome, pause, retry

GATHER_SECONDS = 0.2  # what comes in this time about one gateway is one look

log = logging.getLogger(__name__)

Work = Callable[[Key], Outcome]


class WorkQueue:
    """`work` runs in threads, at most `workers` at a time, never twice at once for a key.

    Its outcome says when the key is looked at again; if it raises, it is tried again, ever more slowly.
    """

    def __init__(self, work: Work, workers: int, resync: float) -> None:
        self._work = work
        self._workers = workers
        self._resync = resync
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="look")
        self._due: dict[Key, asyncio.TimerHandle] = {}
        self._heard: dict[Key, None] = {}  # in order: those who wait for a worker
        self._regular: dict[Key, None] = {}
        self._busy: dict[Key, asyncio.Task[None]] = {}
        self._again: set[Key] = set()
        self._since: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._closed = False

    def hear(self, key: Key, after: float = GATHER_SECONDS) -> None:
        """Something happened to `key`."""
        self._since[key] = time.monotonic()
        if key in self._busy:
            self._again.add(key)
        elif key not in self._heard:
            self._regular.pop(key, None)
            self._at(key, after, self._heard)

    def add(self, key: Key, after: float = 0.0) -> None:
        """Look at `key` after so many seconds, unless it is known already."""
        self._since.setdefault(key, time.monotonic())
        if not (key in self._busy or key in self._heard or key in self._regular or key in self._due):
            self._at(key, after, self._regular)

    async def close(self, seconds: float) -> None:
        """Begin no more looks, and wait that long for those that run."""
        self._closed = True
        for handle in self._due.values():
            handle.cancel()
        self._due.clear()
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=seconds)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _at(self, key: Key, after: float, lane: dict[Key, None]) -> None:
        """What is due earlier stays so: a burst that does not end is looked at nevertheless."""
        loop = asyncio.get_running_loop()
        known = self._due.get(key)
        if known is not None and known.when() <= loop.time() + after:
            after = known.when() - loop.time()
        if known is not None:
            known.cancel()
        self._due[key] = loop.call_later(max(after, 0.0), self._ready, key, lane)

    def _ready(self, key: Key, lane: dict[Key, None]) -> None:
        del self._due[key]
        lane[key] = None
        self._begin()

    def _begin(self) -> None:
        while not self._closed and (key := self._next()) is not None:
            self._busy[key] = asyncio.create_task(self._one(key))
        metrics.WAITING.labels("heard").set(len(self._heard))
        metrics.WAITING.labels("regular").set(len(self._regular))

    def _next(self) -> Key | None:
        free = self._workers - len(self._busy)
        lane = self._heard or (self._regular if free > min(1, self._workers - 1) else {})
        if not lane or not free:
            return None
        key = next(iter(lane))
        del lane[key]
        return key

    async def _one(self, key: Key) -> None:
        after = await self._look(key)
        del self._busy[key]
        if self._closed:
            return
        if key in self._again:
            self._again.discard(key)
            self._at(key, GATHER_SECONDS, self._heard)
        elif after is None:
            self._since.pop(key, None)
        else:
            self._at(key, after, self._regular)
        self._begin()

    async def _look(self, key: Key) -> float | None:
        began = time.monotonic()
        try:
            outcome = await asyncio.get_running_loop().run_in_executor(self._threads, self._work, key)
        except Exception as error:  # noqa: BLE001 - the API server is out of reach, or a fault of ours: try again
            metrics.done("failed", time.monotonic() - began)
            return self._failed(key, error)
        metrics.done(outcome, time.monotonic() - began)
        self._failures.pop(key, None)
        waited = time.monotonic() - self._since.get(key, began)
        return pause(outcome, waited, self._resync, random.random())  # noqa: S311 - no secret

    def _failed(self, key: Key, error: Exception) -> float:
        self._failures[key] = self._failures.get(key, 0) + 1
        after = retry(self._failures[key])
        log.warning("%s/%s: %s; again in %g s", *key, f"{type(error).__name__}: {error}"[:300], after)
        log.debug("the look at %s/%s failed", *key, exc_info=error)
        return after
