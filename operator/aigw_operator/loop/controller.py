# SPDX-License-Identifier: Apache-2.0
"""Leads, and while leading looks at gateways. What wakes it is `handlers`', what a look does `reconcile`'s."""

import asyncio
import logging
import os
import socket
from datetime import UTC, datetime
from typing import Any

from aigw_operator import metrics
from aigw_operator.api.cached import CachedCluster
from aigw_operator.kinds import GATEWAY, POD_MONITOR, Key, Object
from aigw_operator.loop.hearing import Hearing
from aigw_operator.loop.leader import LOOK_SECONDS, RENEW_SECONDS, Leader
from aigw_operator.loop.pace import Outcome
from aigw_operator.loop.workqueue import WorkQueue
from aigw_operator.reconcile import Facts, reconcile
from aigw_operator.settings import OperatorSettings

FILL_SECONDS = 600.0  # how often everything is listed, in case the watch has missed something
TURN_SECONDS = 0.5
CLOSE_SECONDS = 1.5  # for looks that run when the Lease is given back

log = logging.getLogger(__name__)


class Controller:
    """One for the life of the process: leadership comes and goes, also with the API server."""

    def __init__(self, settings: OperatorSettings, cluster: CachedCluster) -> None:
        self.settings = settings
        self.cluster = cluster
        self.leader = Leader(cluster, settings.namespace, settings.identity or socket.gethostname())
        self.hearing = Hearing()
        self._queue: WorkQueue | None = None
        self._pod_monitors = False
        self._resynced = self._filled = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop; then the Lease is free."""
        lease = asyncio.create_task(self._keep_lease(stop))
        while not stop.is_set():
            try:
                await self._lead_or_wait()
            except Exception as error:  # noqa: BLE001 - the API server is out of reach, and may come back
                log.warning("gateways cannot be listed: %s", f"{type(error).__name__}: {error}"[:300])
            await _pause(stop, TURN_SECONDS)
        await asyncio.gather(lease, self._yield())
        await asyncio.to_thread(self._give_back)

    def leads(self) -> bool:
        return self.leader.leads(_now())

    def see(self, body: Any) -> None:
        """A gateway: what is new in its spec goes before its regular look; its status is the operator's own."""
        if self._queue is not None:
            metadata = body["metadata"]
            observed = (body.get("status") or {}).get("observedGeneration")
            (self._queue.add if observed == metadata["generation"] else self._queue.hear)(_key(body))

    def wake(self, key: Key) -> None:
        """Something that belongs to it is not as it was."""
        if self._queue is not None:
            self._queue.hear(key)

    async def _keep_lease(self, stop: asyncio.Event) -> None:
        """Beside the rest, however long that takes."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.leader.try_to_lead, _now())
            except Exception as error:  # noqa: BLE001 - what was renewed still holds
                log.warning("the Lease cannot be renewed: %s", type(error).__name__)
            await _pause(stop, RENEW_SECONDS if self.leads() else LOOK_SECONDS)

    async def _lead_or_wait(self) -> None:
        metrics.LEADS.set(self.leads())
        if not self.leads():
            await self._yield()
            return
        now = asyncio.get_running_loop().time()
        if self._queue is None or now >= self._filled + FILL_SECONDS:
            await asyncio.to_thread(self.cluster.fill, self.settings.namespaces)
            self._filled = now
        if self._queue is None or now >= self._resynced + self.settings.resync_seconds:
            await self._resync()
            self._resynced = now

    async def _resync(self) -> None:
        """Every gateway is in the queue afterwards, whatever the watch has told."""
        self._pod_monitors = await asyncio.to_thread(self.cluster.has, POD_MONITOR)
        bodies = await asyncio.to_thread(self._list)
        if self._queue is None:
            log.info("leading")
            self._queue = WorkQueue(self._work, self.settings.workers, self.settings.resync_seconds)
        for body in bodies:
            self.see(body)
        now = asyncio.get_running_loop().time()
        self.hearing.listed({_key(body): body["metadata"]["resourceVersion"] for body in bodies}, now)
        if (deaf := self.hearing.deaf(now)) is not None:
            log.critical("the watch is deaf: it has not told of %s", deaf)
            os._exit(1)  # a fresh process hears again

    def _list(self) -> list[Object]:
        return [o for namespace in self.settings.namespaces or [""] for o in self.cluster.find(GATEWAY, namespace)]

    def _give_back(self) -> None:
        try:
            self.leader.give_back(_now())
        except Exception as error:  # noqa: BLE001 - it runs out
            log.warning("the Lease cannot be given back: %s", type(error).__name__)

    async def _yield(self) -> None:
        """Not leading any more: nothing new is begun."""
        queue, self._queue = self._queue, None
        if queue is not None:
            log.info("not leading any more")
            await queue.close(CLOSE_SECONDS)

    def _work(self, key: Key) -> Outcome:
        if not self.leads():
            return Outcome.GONE
        settings = self.settings
        facts = Facts(settings.image_prefix, settings.image_tag, settings.namespace, self._pod_monitors, settings.lives)
        return reconcile(key, self.cluster, facts)


def _key(body: Any) -> Key:
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def _now() -> datetime:
    return datetime.now(UTC)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
