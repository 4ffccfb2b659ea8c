# SPDX-License-Identifier: Apache-2.0
"""One gateway with all providers for all modules that leave it as they found it."""

from collections.abc import Iterator

import httpx
import pytest

from gateway import objects
from gateway.running import Measured, RunningGateway
from upstream.running import RunningUpstream, running_upstream


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Keeps a number for whoever reads the JUnit report (pytest's `record_property` warns there)."""
    return lambda name, value: request.node.user_properties.append((name, round(value, 4)))


@pytest.fixture(scope="session")
def running_upstream_process() -> Iterator[RunningUpstream]:
    with running_upstream() as running:
        yield running


@pytest.fixture(scope="session")
def gateway(
    running_upstream_process: RunningUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with RunningGateway(folder, objects.everything(running_upstream_process.url)) as running:
        yield running


@pytest.fixture
def upstream(running_upstream_process: RunningUpstream) -> RunningUpstream:
    """The scripted upstream, with nothing remembered."""
    running_upstream_process.reset()
    return running_upstream_process


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[httpx.Client]:
    """Asks the gateway with a token that may do everything."""
    with gateway.client() as asking:
        yield asking
