# SPDX-License-Identifier: Apache-2.0
"""Leading and looking: what is looked at and when, while the API server comes and goes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from aigw_operator import generated, reconcile
from aigw_operator.api.cached import CachedCluster
from aigw_operator.api.cluster import Cluster
from aigw_operator.api.store import Store
from aigw_operator.desired.context import Context
from aigw_operator.kinds import GATEWAY, LEASE, Key
from aigw_operator.loop import controller, workqueue
from aigw_operator.loop.controller import Controller
from aigw_operator.loop.pace import Outcome
from aigw_operator.settings import OperatorSettings
from unit.operator.gateways import context

Object = dict[str, Any]
EU, US = Key("n", "eu"), Key("n", "us")


def gateway(key: Key, generation: int = 1, observed: int = 1) -> Object:
    metadata = {"namespace": key.namespace, "name": key.name, "generation": generation, "resourceVersion": "1"}
    return {"metadata": metadata, "status": {"observedGeneration": observed}}


class Api:
    """Gateways and a Lease, or nobody there."""

    def __init__(self, *gateways: Object) -> None:
        self.store, self.gateways, self.away, self.fills = Store(), gateways, False, 0
        self.lease: Object | None = None

    def fill(self, namespaces: list[str]) -> None:
        self._answer()
        self.fills += 1

    def find(self, kind: Any, namespace: str) -> list[Object]:
        self._answer()
        assert kind == GATEWAY
        return list(self.gateways)

    def has(self, kind: Any) -> bool:
        self._answer()
        return False

    def get(self, kind: Any, *_: Any) -> Object | None:
        self._answer()
        assert kind == LEASE
        return self.lease

    def create(self, _: Any, body: Object) -> None:
        self.lease = body

    replace = create

    @property
    def holder(self) -> str:
        return str((self.lease or {"spec": {}})["spec"].get("holderIdentity"))

    def _answer(self) -> None:
        if self.away:
            raise OSError("nobody there")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Key]:
    found: list[Key] = []

    def look(key: Key, *_: Any) -> Outcome:
        found.append(key)
        return Outcome.SETTLED

    for name in ("TURN_SECONDS", "RENEW_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(controller, name, 0.005)
    monkeypatch.setattr(workqueue, "GATHER_SECONDS", 0.005)
    monkeypatch.setattr(controller, "reconcile", look)
    return found


class Running:
    """The controller until the end of the block."""

    def __init__(self, api: Api, **settings: Any) -> None:
        made = OperatorSettings(identity="one", **settings)
        self.controller = Controller(made, cast(CachedCluster, api))
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Controller:
        self._task = asyncio.create_task(self.controller.run(self._stop))
        return self.controller

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        async with asyncio.timeout(3):
            await self._task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.002)


async def test_all_are_looked_at_and_the_lease_is_free_at_the_end(seen: list[Key]) -> None:
    api = Api(gateway(EU), gateway(US, 2, 1))
    async with Running(api):
        await until(lambda: {EU, US} == set(seen))
        assert api.holder == "one"
    assert api.holder == ""
    assert api.fills == 1


async def test_an_event_of_its_own_status_wakes_nobody(seen: list[Key]) -> None:
    async with Running(Api(gateway(EU))) as running:
        await until(lambda: seen == [EU])
        running.see(gateway(EU, 1, 1))
        await asyncio.sleep(0.05)
        assert seen == [EU]
        running.see(gateway(EU, 2, 1))
        await until(lambda: seen == [EU, EU])


async def test_a_resync_looks_at_what_no_event_told_of(seen: list[Key]) -> None:
    api = Api(gateway(EU))
    async with Running(api, resync_seconds=0.05):
        await until(lambda: EU in seen)
        api.gateways = (gateway(EU), gateway(US))
        await until(lambda: US in seen)


async def test_when_it_leads_no_more_it_waits_and_begins_anew(seen: list[Key], monkeypatch: pytest.MonkeyPatch) -> None:
    api, leads = Api(gateway(EU)), True
    running = Running(api)
    monkeypatch.setattr(running.controller, "leads", lambda: leads)
    async with running as one:
        await until(lambda: seen == [EU])
        leads, api.away = False, True
        await asyncio.sleep(0.05)
        one.wake(EU)
        await asyncio.sleep(0.05)
        assert seen == [EU]
        leads = True  # while the API server is still away
        await asyncio.sleep(0.05)
        api.away = False
        await until(lambda: seen == [EU, EU])
    assert api.fills == 2


async def test_it_ends_though_nobody_takes_the_lease_back(seen: list[Key]) -> None:
    api = Api(gateway(EU))
    async with Running(api):
        await until(lambda: seen == [EU])
        api.away = True


class Asked:
    """What a list of Secrets says."""

    def __init__(self, *secrets: Object) -> None:
        self.secrets, self.times = secrets, 0

    def find(self, *_: Any) -> list[Object]:
        self.times += 1
        return list(self.secrets)


def secret(where: Context, name: str) -> Object:
    return generated.manifest(where, name, {"key": name.encode()})


def test_before_a_key_is_made_the_api_server_is_asked_for_it() -> None:
    """What the watch tells may come late; a key that is made twice would be another one."""
    where = context()
    every = [secret(where, name) for name in generated.names(where)]
    asked = Asked(*every)
    live = {(body["kind"], body["metadata"]["name"]): body for body in every[1:]}
    found = reconcile._with_keys(where, live, cast(Cluster, asked))
    assert len(found) == len(every)
    assert asked.times == 1
    reconcile._with_keys(where, found, cast(Cluster, asked))
    assert asked.times == 1, "nothing is missing"


def test_the_names_of_keys_are_those_of_what_is_made() -> None:
    where = context()
    assert sorted(generated.names(where)) == sorted(generated.wanted(where, {}, datetime.now(UTC)))
