# SPDX-License-Identifier: Apache-2.0
"""Settings that would trust more than they seem to are refused as a whole."""

from typing import Any

import msgspec
import pytest

from aigw_auth.settings import AuthServiceSettings, read_settings
from aigw_contract.table import AuthSettings, IssuerTrust

GOOD = IssuerTrust("gitlab", "https://gitlab.example.com", url="https://gitlab.example.com")


def read(*issuers: IssuerTrust, **changes: Any) -> AuthSettings:
    return read_settings(msgspec.json.encode(AuthSettings(issuers=list(issuers), **changes)))


def changed(**changes: Any) -> IssuerTrust:
    return msgspec.structs.replace(GOOD, **changes)


def test_what_is_written_is_read():
    assert read(GOOD).issuers == [GOOD]
    assert read_settings(b"{}") == AuthSettings()


@pytest.mark.parametrize(
    ("issuers", "changes", "why"),
    [
        ([], {"audience": ""}, "audience"),
        ([changed(issuer="")], {}, "`issuer` is empty"),
        ([changed(url="")], {}, "where its keys are"),
        ([changed(algorithms=[])], {}, "algorithms"),
        ([changed(algorithms=["RS256", "HS256"])], {}, "algorithms"),
        ([changed(algorithms=["none"])], {}, "algorithms"),
        ([GOOD, changed(name="other")], {}, "issuer 'https://gitlab.example.com' is used twice"),
        ([GOOD, changed(issuer="https://other.example.com")], {}, "name 'gitlab' is used twice"),
        ([changed(issuer="gitlab-ai-gateway")], {}, "audience"),
        ([changed(name="gitlab-ai-gateway")], {}, "audience"),
    ],
)
def test_what_must_not_be_trusted(issuers: list[IssuerTrust], changes: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        read(*issuers, **changes)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"issuers": 5}', b'{"audience": ["x"]}'])
def test_what_cannot_be_read(content: bytes):
    with pytest.raises(ValueError, match=r".+"):
        read_settings(content)


def test_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AIGW_SETTINGS_FILE", "/etc/auth.json")
    monkeypatch.setenv("AIGW_JWKS_COOLDOWN_SECONDS", "5")
    monkeypatch.setenv("AIGW_REFUSED_KEY_THUMBPRINTS", '["abc"]')
    settings = AuthServiceSettings()
    assert settings.settings_file == "/etc/auth.json"
    assert settings.jwks_cooldown_seconds == 5.0
    assert settings.refused_key_thumbprints == ["abc"]
