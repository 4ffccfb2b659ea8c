# SPDX-License-Identifier: Apache-2.0
"""Keys from an issuer whose private authority is not what RFC 5280 asks for, on a Python that insists on it."""

import ssl
from pathlib import Path

import pytest

from aigw_auth.remote import HttpSource
from aigw_auth.sources import FetchFailed
from integration.auth.issuer import serving
from integration.auth.running import trust
from integration.kit.authority import Authority, always_strict

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def python_3_13(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "create_default_context", always_strict(ssl.create_default_context))


async def test_its_keys_are_taken(tmp_path: Path) -> None:
    lax = Authority(tmp_path, lax=True)
    certificate = tmp_path / "server.pem"
    certificate.write_text("".join(Path(file).read_text() for file in lax.files()))
    with serving(certificate) as host:
        issuer = trust("gitlab", host.issuer("gitlab", "a"))
        found = await HttpSource(issuer, lax.ca_file, []).fetch()
        assert [key.kid for key in found.keys] == ["a"]
        with pytest.raises(FetchFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await HttpSource(issuer, "", []).fetch()
