# SPDX-License-Identifier: Apache-2.0
"""`python -m aigw_operator run`: watch and reconcile until told to stop."""

import asyncio
import logging
import signal
import sys
from typing import Any, cast

import kopf
from prometheus_client import start_http_server

from aigw_operator import crd
from aigw_operator.api.cached import CachedCluster
from aigw_operator.kinds import CRD
from aigw_operator.loop.controller import Controller
from aigw_operator.loop.handlers import Handlers
from aigw_operator.settings import OperatorSettings

HELM = "helm"
"""The CRD is applied in Helm's name: under another, Helm 4 would find conflicts the next time it installs the chart."""

log = logging.getLogger("aigw_operator")


def main(arguments: list[str]) -> int:
    if arguments != ["run"]:
        print("usage: python -m aigw_operator run", file=sys.stderr)  # noqa: T201 - for the terminal
        return 2
    kopf.configure(log_format=kopf.LogFormat.JSON, log_refkey="object")
    for chatty in ("httpx", "aiohttp.access", "kopf.objects", "kopf.activities"):  # each event, each probe
        logging.getLogger(chatty).setLevel(logging.WARNING)
    settings, cluster = OperatorSettings(), CachedCluster()
    if settings.metrics_port:
        start_http_server(settings.metrics_port)
    if settings.manage_crd:
        cluster.apply(CRD, crd.manifest(), HELM)
        log.info("applied the CRD")
    asyncio.run(_run(Controller(settings, cluster)))
    return 0


async def _run(controller: Controller) -> None:
    """kopf watches, the controller leads and works; when one ends the other is stopped."""
    stop, ready, flag = asyncio.Event(), asyncio.Event(), asyncio.Event()
    watching = asyncio.create_task(_watch(controller, ready, flag))
    watching.add_done_callback(lambda _: stop.set())
    signals = asyncio.create_task(_listen(ready, stop))
    try:
        await controller.run(stop)
    finally:
        signals.cancel()
        flag.set()
        await asyncio.wait([watching], timeout=10)
        if watching.done() and (error := watching.exception()) is not None:
            log.critical("the watch failed", exc_info=error)


async def _watch(controller: Controller, ready: asyncio.Event, flag: asyncio.Event) -> None:
    registry = kopf.OperatorRegistry()
    Handlers(controller).register(registry)
    settings = controller.settings
    await kopf.operator(
        registry=registry,
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        liveness_endpoint=f"http://0.0.0.0:{settings.health_port}/healthz",
        identity=cast(Any, controller.leader.identity),  # kopf would ask for the user's name: there is none
        ready_flag=ready,
        stop_flag=flag,
        standalone=True,
    )


async def _listen(ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Signals are ours: kopf takes them at its start, and would end seconds before the Lease is given back."""
    loop = asyncio.get_running_loop()
    for last in (False, True):
        for known in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(known, stop.set)
        if not last:
            await ready.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
