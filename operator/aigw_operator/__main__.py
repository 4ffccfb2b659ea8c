# SPDX-License-Identifier: Apache-2.0
"""`python -m aigw_operator run`: watch and reconcile until told to stop."""

import asyncio
import logging
import signal
import sys
from typing import Any, cast

import kopf

from aigw_operator import crd
from aigw_operator.cluster import Cluster
from aigw_operator.handlers import Operator
from aigw_operator.kinds import CRD
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
    settings, cluster = OperatorSettings(), Cluster()
    if settings.manage_crd:
        cluster.apply(CRD, crd.manifest(), HELM)
        log.info("applied the CRD")
    asyncio.run(_run(Operator(settings, cluster)))
    return 0


async def _run(operator: Operator) -> None:
    """kopf watches, the operator leads and works; when one ends the other is stopped."""
    registry = kopf.OperatorRegistry()
    operator.register(registry)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for known in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(known, stop.set)
    flag = asyncio.Event()
    watching = asyncio.create_task(
        kopf.operator(
            registry=registry,
            clusterwide=not operator.settings.namespaces,
            namespaces=operator.settings.namespaces,
            liveness_endpoint=f"http://0.0.0.0:{operator.settings.health_port}/healthz",
            identity=cast(Any, operator.leader.identity),  # kopf would ask for the user's name: there is none
            stop_flag=flag,
            standalone=True,
        )
    )
    watching.add_done_callback(lambda _: stop.set())
    try:
        await operator.run(stop)
    finally:
        flag.set()
        await asyncio.wait([watching], timeout=10)
        if watching.done() and (error := watching.exception()) is not None:
            log.critical("the watch failed", exc_info=error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
