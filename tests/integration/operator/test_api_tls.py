# SPDX-License-Identifier: Apache-2.0
"""The cluster's authority is a private one: also where it is not what RFC 5280 asks for, the API server is believed.

Both clients are made to insist on it here as they do on Python 3.13.
"""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import kopf
import pytest
import urllib3.connection
from kubernetes import client, config

from aigw_operator.api import kubeconfig, tls
from aigw_operator.api.kubeconfig import NoCluster
from aigw_operator.kinds import GATEWAY
from aigw_operator.loop import handlers
from integration.kit.authority import Authority, always_strict
from integration.operator.api_server import ApiServer, running

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def python_3_13(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "create_default_context", always_strict(ssl.create_default_context))
    for module in (urllib3.connection, tls):
        monkeypatch.setattr(module, "create_urllib3_context", always_strict(tls.create_urllib3_context))


@pytest.fixture
def lax(tmp_path: Path) -> Authority:
    return Authority(tmp_path, lax=True)


@pytest.fixture
def server(lax: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    with running(lax.server()) as server:
        server.ca_file = lax.ca_file
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        yield server


def chosen() -> kubeconfig.Chosen:
    return kubeconfig.choose(None, None)


def test_the_client_of_the_api(server: ApiServer) -> None:
    assert chosen().cluster.has(GATEWAY)


def test_without_us_it_would_not_believe_it(server: ApiServer, tmp_path: Path) -> None:
    """So the others here say something."""
    settings = client.Configuration()
    settings.retries = False
    config.load_kube_config(str(tmp_path / "kubeconfig"), client_configuration=settings)
    with pytest.raises(Exception, match="VERIFY_FAILED"):
        client.VersionApi(client.ApiClient(settings)).get_code()


def test_another_authority_is_not_believed(server: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    server.ca_file = Authority(tmp_path / "other", lax=True).ca_file
    server.kubeconfig(tmp_path)
    with pytest.raises(NoCluster, match="VERIFY_FAILED"), kubeconfig.reaching(chosen()):
        chosen().cluster.has(GATEWAY)


def test_without_an_authority_the_system_s_are_believed(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca_file, server.ca_file = server.ca_file, ""
    server.kubeconfig(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    assert chosen().cluster.has(GATEWAY)


async def test_the_watch(server: ApiServer) -> None:
    found: Any = handlers._log_in(settings=kopf.OperatorSettings())
    connector = aiohttp.TCPConnector(ssl=found.as_ssl_context())
    async with aiohttp.ClientSession(connector=connector) as session:
        answer = await session.get(f"{server.url}/apis/{GATEWAY.api_version}", headers=found.as_http_headers())
        assert answer.status == 200
    assert isinstance(found, kopf.ConnectionInfo)  # else kopf does not take it
    assert (found.server, found.token) == (server.url, "hunter2")
