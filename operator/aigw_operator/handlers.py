# SPDX-License-Identifier: Apache-2.0
"""kopf, and nothing else: what is watched, and what wakes which gateway.

Only event handlers are used. They set no finalizer (a gateway can be deleted while no operator runs) and no annotation,
and they all do the same: put the gateway into the queue.
"""

import asyncio
import logging
import os
import socket
from datetime import UTC, datetime
from typing import Any

import kopf

from aigw_operator.cluster import Cluster
from aigw_operator.desired.context import MANAGER
from aigw_operator.kinds import CHILDREN, GATEWAY, Kind
from aigw_operator.leader import RENEW_SECONDS, Leader
from aigw_operator.reconcile import Facts, Key, reconcile
from aigw_operator.settings import OperatorSettings
from aigw_operator.workqueue import WorkQueue

DEAF_SECONDS = 180.0
POD_MONITOR = next(kind for kind in CHILDREN if kind.kind == "PodMonitor")
OURS = {"app.kubernetes.io/managed-by": MANAGER}

log = logging.getLogger(__name__)


class Operator:
    """Holds what the handlers share."""

    def __init__(self, settings: OperatorSettings, cluster: Cluster) -> None:
        self.settings = settings
        self.cluster = cluster
        self.leader = Leader(cluster, settings.namespace, settings.identity or socket.gethostname())
        self._queue: WorkQueue | None = None
        self._versions: dict[Key, str] = {}
        self._missed: dict[Key, tuple[str, float]] = {}

    def register(self, registry: kopf.OperatorRegistry) -> None:
        kopf.on.login(registry=registry)(_log_in)
        kopf.on.startup(registry=registry)(self._configure)
        kopf.on.event(*_resource(GATEWAY), registry=registry)(self._gateway_event)
        for kind in CHILDREN:
            if not kind.optional:
                kopf.on.event(*_resource(kind), labels=OURS, registry=registry)(self._child_event)
        kopf.on.event("v1", "secrets", registry=registry)(self._secret_event)
        kopf.on.probe(id="watching", registry=registry)(self._heard)

    async def run(self, stop: asyncio.Event) -> None:
        """Lead, and while leading look at gateways; until told to stop or no longer leading."""
        self._queue = WorkQueue(self._work, self.settings.workers)
        resynced = 0.0
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            led = self.leader.leads(datetime.now(UTC))
            leads = await self._renew()
            if led and not leads and not self.leader.leads(datetime.now(UTC)):
                log.error("no longer the leader: stopping")
                stop.set()
            elif leads and (not led or loop.time() >= resynced + self.settings.resync_seconds):
                resynced = loop.time()
                await self._resync()
            await _pause(stop, RENEW_SECONDS)
        await asyncio.to_thread(self.leader.give_back, datetime.now(UTC))

    async def _renew(self) -> bool:
        try:
            return await asyncio.to_thread(self.leader.try_to_lead, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - the API server is out of reach: what was renewed still holds
            log.warning("the Lease cannot be renewed: %s", type(error).__name__)
            return False

    async def _resync(self) -> None:
        """Look at every gateway, and notice if the watch has not told of a change that a list shows."""
        now = asyncio.get_running_loop().time()
        for namespace in self.settings.namespaces or [""]:
            for body in await asyncio.to_thread(self.cluster.find, GATEWAY, namespace):
                key = _key(body)
                version = body["metadata"]["resourceVersion"]
                if self._versions.get(key) == version:
                    self._missed.pop(key, None)
                elif self._missed.get(key, ("", 0.0))[0] != version:
                    self._missed[key] = (version, now)
                self._wake(key)

    def _work(self, key: Key) -> float | None:
        if not self.leader.leads(datetime.now(UTC)):
            return None
        settings = self.settings
        facts = Facts(
            settings.image_prefix, settings.image_tag, settings.namespace, self.cluster.has(POD_MONITOR),
            settings.resync_seconds,
        )  # fmt: skip
        return reconcile(key, self.cluster, facts)

    def _wake(self, key: Key) -> None:
        if self._queue is not None and self.leader.leads(datetime.now(UTC)):
            self._queue.add(key)

    # What kopf calls

    async def _configure(self, settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False  # we post our own, on change only
        settings.peering.standalone = True  # the Lease decides who acts
        settings.watching.server_timeout = 120
        settings.watching.client_timeout = 150
        settings.watching.connect_timeout = 10
        settings.networking.request_timeout = 30

    async def _gateway_event(self, body: Any, **_: Any) -> None:
        key = _key(body)
        self._versions[key] = body["metadata"]["resourceVersion"]
        self._missed.pop(key, None)
        self._wake(key)

    async def _child_event(self, meta: Any, **_: Any) -> None:
        for owner in meta.get("ownerReferences", []):
            if owner["kind"] == GATEWAY.kind:
                self._wake(Key(meta["namespace"], owner["name"]))

    async def _secret_event(self, meta: Any, **_: Any) -> None:
        """A credential that somebody brought has no owner: whoever may use it is looked at."""
        if not meta.get("ownerReferences"):
            for key in [key for key in self._versions if key.namespace == meta["namespace"]]:
                self._wake(key)

    async def _heard(self, **_: Any) -> str:
        """Fails the liveness probe when the watch is deaf: a list showed a change that it has not told for minutes."""
        now = asyncio.get_running_loop().time()
        deaf = [key for key, (_, since) in self._missed.items() if now - since > DEAF_SECONDS]
        if deaf:
            log.critical("the watch is deaf: it has not told of %s", deaf[0])
            os._exit(1)  # a probe's failure is only a text to kopf; a fresh process hears again
        return "hearing"


def _log_in(**known: Any) -> kopf.ConnectionInfo | None:
    """As a pod, or as whoever the kubeconfig says."""
    return kopf.login_with_service_account(**known) or kopf.login_with_kubeconfig(**known)


def _resource(kind: Kind) -> tuple[str, ...]:
    group, _, version = kind.api_version.rpartition("/")
    return (group, version, kind.plural) if group else (version, kind.plural)


def _key(body: Any) -> Key:
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
