# SPDX-License-Identifier: Apache-2.0
"""An issuer and an auth service that runs, for the tests beside this file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.auth.issuer import Host, serving
from integration.auth.running import Service, running, trust
from unit.auth.making import pem, rsa_key


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    with serving() as started:
        yield started


@pytest.fixture(scope="module")
def service(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that trusts the issuer `gitlab` (key `a`) and signs user tokens."""
    home = tmp_path_factory.mktemp("auth")
    (home / "signing.pem").write_bytes(pem(rsa_key("own")))
    gitlab = host.issuer("gitlab", "a")
    with running(home, trust("gitlab", gitlab), signing_key_file=str(home / "signing.pem")) as started:
        yield started


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path
