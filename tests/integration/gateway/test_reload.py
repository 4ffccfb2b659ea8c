# SPDX-License-Identifier: Apache-2.0
"""The manifest changes while requests run: it is followed, and no request is lost."""

import copy
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gateway import objects
from gateway.asking import CODE, PROXY, encode, envelope, prompt, proxied
from gateway.running import RunningGateway, until, write_manifest
from gateway.wire import Wire
from upstream.running import RunningUpstream

pytestmark = pytest.mark.integration

SOON = 5.0
"""Seconds within which a change is in use: both files are looked at twice a second or more often."""
CLIENTS = 4
IN_USE = "The changed manifest is in use."


class Object:
    """The manifest, to be changed field by field."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.providers = objects.providers(upstream, silence="90s")[:2]
        self.models: list[dict[str, Any]] = [{"name": "main", "provider": "anthropic", "id": "claude-x"}]
        self.keys = dict(objects.KEYS)

    def documents(self) -> list[dict[str, Any]]:
        features = {"codeCompletions": objects.feature("10s", "main")}
        return copy.deepcopy(objects.manifest(self.providers, self.models, features, self.keys))

    def point_main_at(self, provider: str, id_: str, **more: Any) -> None:
        self.models[0] = {"name": "main", "provider": provider, "id": id_, **more}


class Traffic:
    """Clients that ask without a pause, whole and streamed; every answer is kept."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(bool(at % 2),)) for at in range(CLIENTS)]
        self.texts: list[str] = []
        self.failed: list[str] = []

    def said_since(self, count: int) -> set[str]:
        return set(self.texts[count:])

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, stream: bool) -> None:
        body = envelope(prompt("main", stream=stream))
        with self._gateway.client() as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(CODE, json=body)
                    answer.raise_for_status()
                    self.texts.append(answer.text if stream else answer.json()["response"])
                except (httpx.HTTPError, ValueError) as error:
                    told = error.response.text if isinstance(error, httpx.HTTPStatusError) else ""
                    self.failed.append(f"{type(error).__name__}: {error} {told}"[:300])
                time.sleep(0.005)


@pytest.fixture
def wanted(upstream: RunningUpstream) -> Object:
    return Object(upstream.url)


@pytest.fixture(scope="module")
def gateway(
    running_upstream_process: RunningUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    documents = Object(running_upstream_process.url).documents()
    with RunningGateway(tmp_path_factory.mktemp("reloaded"), documents) as running:
        yield running


@pytest.fixture(autouse=True)
def as_at_first(gateway: RunningGateway, wanted: Object) -> Iterator[None]:
    """Each test starts and ends with the first manifest."""
    original = wanted.documents()
    router = gateway.pids()["router"]
    yield
    told = gateway.said().count(IN_USE)
    change(gateway, original)
    until(lambda: gateway.said().count(IN_USE) > told, SOON, "the first manifest is in use again")
    until(lambda: "Hello from claude-x." in ask(gateway).text, SOON, "the router has read it")
    assert len(gateway.pids()) == 4, "a service was left over"
    assert gateway.pids()["router"] == router, "the router was restarted"


def change(gateway: RunningGateway, documents: Any) -> None:
    write_manifest(gateway.manifest, documents)


def ask(gateway: RunningGateway, *components: Any) -> httpx.Response:
    with gateway.client() as client:
        return client.post(CODE, json=envelope(*(components or [prompt("main")])))


def assert_unnoticed(gateway: RunningGateway, documents: Any, said: str) -> None:
    """The change is in use soon, and of all requests meanwhile none fails."""
    pids, told = gateway.pids(), gateway.said().count(IN_USE)
    with Traffic(gateway) as traffic:
        until(lambda: len(traffic.texts) > 20, SOON, "requests run")
        change(gateway, documents)
        until(lambda: said in traffic.texts, SOON, f"answers say {said}")
        until(lambda: gateway.said().count(IN_USE) > told, SOON, "what is no longer needed has stopped")
        count = len(traffic.texts)
        until(lambda: len(traffic.texts) > count + 20, SOON, "requests still run")
    assert traffic.failed == []
    assert traffic.said_since(count) == {said}
    assert gateway.pids()["router"] == pids["router"]
    assert gateway.pids()["auth"] == pids["auth"]


class TestChange:
    def test_model_points_elsewhere(self, gateway: RunningGateway, wanted: Object) -> None:
        pids = gateway.pids()
        wanted.point_main_at("openai", "gpt-x")
        assert_unnoticed(gateway, wanted.documents(), "Hello from gpt-x.")
        assert gateway.pids() == pids

    def test_provider_is_added(self, gateway: RunningGateway, wanted: Object) -> None:
        wanted.providers.append(objects.providers(wanted.upstream)[3])
        wanted.point_main_at("vllm", "mistral-x")
        assert_unnoticed(gateway, wanted.documents(), "Hello from mistral-x.")
        assert "provider-vllm" in gateway.pids()

    def test_provider_is_removed(self, gateway: RunningGateway, wanted: Object) -> None:
        del wanted.providers[0]
        wanted.point_main_at("openai", "gpt-x")
        assert_unnoticed(gateway, wanted.documents(), "Hello from gpt-x.")
        until(lambda: "provider-anthropic" not in gateway.pids(), SOON, "its service has ended")

    def test_provider_is_changed(self, gateway: RunningGateway, wanted: Object) -> None:
        """Its service is started anew; who asks meanwhile waits."""
        wanted.providers[0]["endpoint"] += "/"
        wanted.providers[0]["timeout"] = "30s"
        wanted.point_main_at("anthropic", "claude-x--chunks-3")
        before = gateway.pids()["provider-anthropic"]
        assert_unnoticed(gateway, wanted.documents(), "Hello from c")
        assert gateway.pids()["provider-anthropic"] != before

    def test_alias_is_added(self, gateway: RunningGateway, wanted: Object) -> None:
        assert ask(gateway, prompt("retired")).json()["reason"] == "no_such_model"
        wanted.point_main_at("anthropic", "claude-x", replaces=["retired"])
        change(gateway, wanted.documents())
        until(lambda: ask(gateway, prompt("retired")).status_code == 200, SOON, "the alias is known")

    def test_limit_is_changed(self, gateway: RunningGateway, wanted: Object) -> None:
        documents = wanted.documents()
        documents[0]["spec"]["limits"] = {"maxBodyBytes": 2048}
        change(gateway, documents)
        until(lambda: ask(gateway, prompt("main", "x" * 3000)).status_code == 413, SOON, "the limit is in force")

    def test_log_level_is_for_the_next_start(self, gateway: RunningGateway, wanted: Object) -> None:
        assert b"AIGW_LOG_LEVEL=INFO\0" in Path(f"/proc/{gateway.pids()['router']}/environ").read_bytes()
        documents = wanted.documents()
        documents[0]["spec"]["logging"] = {"level": "DEBUG"}
        change(gateway, documents)
        until(lambda: "spec.logging was read at the start" in gateway.said(), SOON, "it says so")

    def test_streams_under_way_go_on(self, gateway: RunningGateway, upstream: RunningUpstream, wanted: Object) -> None:
        path, headers, body = proxied("anthropic", "claude-x--pace-100--chunks-20", stream=True)
        with Wire(gateway.url) as wire:
            wire.post(path, gateway.headers | headers, encode(body))
            upstream.wait_for("started", body["model"])
            wanted.point_main_at("openai", "gpt-x")
            change(gateway, wanted.documents())
            until(lambda: "gpt-x" in ask(gateway).text, SOON, "the change is in use")
            assert b"message_stop" in wire.answer().body


class TestSecret:
    def test_changed_key_is_used(self, gateway: RunningGateway, wanted: Object) -> None:
        pids = gateway.pids()
        wanted.keys["openai"] = "not-the-key"
        change(gateway, wanted.documents())

        def status() -> int:
            with gateway.client() as client:
                return client.post(f"{PROXY}/openai/v1/embeddings", json={"model": "e", "input": "x"}).status_code

        until(lambda: status() == 401, SOON, "the new key is used")
        wanted.keys["openai"] = objects.KEYS["openai"]
        change(gateway, wanted.documents())
        until(lambda: status() == 200, SOON, "the right key is used again")
        assert gateway.pids() == pids, "no service needs a restart for a key"

    def test_refused_key_is_not_the_callers_fault(self, gateway: RunningGateway, wanted: Object) -> None:
        wanted.keys["anthropic"] = "not-the-key"
        change(gateway, wanted.documents())
        until(lambda: ask(gateway).status_code != 200, SOON, "the new key is used")
        answer = ask(gateway)
        assert (answer.status_code, answer.json()["reason"]) == (503, "provider_credentials_refused")
        assert "not-the-key" not in str(answer.headers) + answer.text
        assert all("not-the-key" not in log for log in gateway.logs().values())


def broken(wanted: Object) -> Iterator[tuple[str, str]]:
    """Manifests that cannot be used, and what is said of each."""
    yield "a: [", "not YAML"
    yield "", "one AIGateway is needed, 0 found"
    yield "\0", "not YAML"
    yield "kind: Other", "one AIGateway is needed, 0 found"
    changes: list[tuple[str, Callable[[Any], object]]] = [
        ('spec.models[0].provider: no provider "foo"', lambda spec: spec["models"][0].update(provider="foo")),
        ("spec.of_tomorrow: no such field", lambda spec: spec.update(of_tomorrow=1)),
        ("spec.providers: ", lambda spec: spec["providers"].clear()),
        ('spec.features.codeCompletions.models[0].name: no model "main"', lambda spec: spec["models"].clear()),
    ]
    for told, change_it in changes:
        documents = wanted.documents()
        change_it(documents[0]["spec"])
        yield yaml.safe_dump_all(documents), told


def logged_more_than(gateway: RunningGateway, service: str, text: str, count: int) -> bool:
    return gateway.logs()[service].count(text) > count


class TestBroken:
    def test_last_good_manifest_serves_on(self, gateway: RunningGateway, wanted: Object) -> None:
        for text, told in broken(wanted):
            self._assert_refused(gateway, partial(gateway.manifest.write_text, text), told)
        self._assert_refused(gateway, gateway.manifest.unlink, "No such file")

    def test_service_that_does_not_start(self, gateway: RunningGateway, wanted: Object) -> None:
        pids = gateway.pids()
        wanted.providers[0]["timeout"] = "30s"
        wanted.providers.append({"name": "odd", "type": "nobody.Nothing"})
        wanted.models.append({"name": "odd", "provider": "odd", "id": "odd"})
        self._assert_refused(gateway, lambda: change(gateway, wanted.documents()), "the service provider-odd ended")
        assert gateway.pids() == pids

    def test_table_that_the_router_cannot_use(self, gateway: RunningGateway) -> None:
        table = gateway.run_directory / "table.json"
        good, log = table.read_bytes(), "table.json cannot be used, the last good content serves on"
        for bad in (b"{", b'{"models": {"a": {"provider": "nobody", "id": "x"}}}'):
            count = gateway.logs()["router"].count(log)
            table.write_bytes(bad)
            until(partial(logged_more_than, gateway, "router", log, count), SOON, "the router says so")
            assert ask(gateway).status_code == 200
        table.write_bytes(good)

    def _assert_refused(self, gateway: RunningGateway, break_it: Callable[[], object], told: str) -> None:
        errors = gateway.folder / "err.txt"
        length = len(errors.read_text())
        with Traffic(gateway) as traffic:
            break_it()
            until(lambda: told in errors.read_text()[length:], SOON, f"it says {told}")
            count = len(traffic.texts)
            until(lambda: len(traffic.texts) > count + 20, SOON, "requests still run")
        assert traffic.failed == []
        assert "Traceback" not in errors.read_text()
