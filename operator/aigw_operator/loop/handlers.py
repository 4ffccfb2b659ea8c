# SPDX-License-Identifier: Apache-2.0
"""kopf, and nothing else: what is watched, and what wakes which gateway.

Only event handlers are used. They set no finalizer (a gateway can be deleted while no operator runs) and no annotation,
and they all do the same: keep what they are told and put the gateway into the queue.
"""

import itertools
import logging
import ssl
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import kopf

from aigw_operator.api.cached import OURS
from aigw_operator.api.store import owner
from aigw_operator.api.tls import lenient
from aigw_operator.kinds import CHILDREN, GATEWAY, Key, Kind
from aigw_operator.loop.controller import Controller

log = logging.getLogger(__name__)

CHUNK = 500  # objects of a list that are in memory at a time


class Backoffs:
    """Of requests that fail: without an end, as an API server that is away comes back."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((0.5, 1, 2), itertools.repeat(3))


class LoggedIn(kopf.ConnectionInfo):
    """kopf's own, but for whom it believes."""

    def as_ssl_context(self) -> ssl.SSLContext:
        return lenient(super().as_ssl_context())


class Handlers:
    """What kopf calls; the rest is the controller's."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def register(self, registry: kopf.OperatorRegistry) -> None:
        kopf.on.login(registry=registry)(_log_in)
        kopf.on.startup(registry=registry)(_configure)
        kopf.on.event(*_resource(GATEWAY), registry=registry)(self._gateway_event)
        for kind in CHILDREN:
            kopf.on.event(*_resource(kind), registry=registry)(self._child_event)
        kopf.on.probe(id="watching", registry=registry)(_answer)

    async def _gateway_event(self, event: Any, **_: Any) -> None:
        body = event["object"]
        metadata = body["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        if event["type"] == "DELETED":
            self._controller.hearing.gone(key)
        else:
            self._controller.hearing.told(key, metadata["resourceVersion"])
            self._controller.see(body)

    async def _child_event(self, event: Any, **_: Any) -> None:
        """What the operator wrote itself is no news."""
        body, store = event["object"], self._controller.cluster.store
        key = owner(body)
        news = store.discard(body) if event["type"] == "DELETED" else store.put(body)
        if news and key is not None:
            self._controller.wake(key)


async def _configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.enabled = False  # we post our own, on change only
    settings.peering.standalone = True  # the Lease decides who acts
    settings.watching.server_timeout = 120
    settings.watching.client_timeout = 150
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = CHUNK
    for kind in CHILDREN:  # the Secrets of everybody else never come here
        settings.watching.label_selectors[_resource(kind)] = OURS
    settings.queueing.idle_timeout = 0.5  # a task and a queue for each object that was heard of in this time
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = Backoffs()


async def _answer(**_: Any) -> str:
    return "watching"


def _log_in(**known: Any) -> kopf.ConnectionInfo | None:
    """As a pod, or as whoever the kubeconfig says."""
    found = kopf.login_with_service_account(**known) or kopf.login_with_kubeconfig(**known)
    return LoggedIn(**{field.name: getattr(found, field.name) for field in fields(found)}) if found else None


def _resource(kind: Kind) -> Any:
    group, _, version = kind.api_version.rpartition("/")
    return (group, version, kind.plural) if group else (version, kind.plural)
