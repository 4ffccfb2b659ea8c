# SPDX-License-Identifier: Apache-2.0
"""The settings name another bundle of authorities: a running pod re-reads them, and may not have that file."""

import pytest

from aigw_auth.issuers import Issuers
from aigw_auth.settings import AuthServiceSettings
from aigw_contract.table import AuthSettings, IssuerTrust

pytestmark = pytest.mark.integration
NOBODY = "http://127.0.0.1:1"


def settings(bundle: str = "", url: str = NOBODY) -> AuthSettings:
    trust = IssuerTrust("one", "https://one.example", url=url, jwks_uri=f"{url}/keys")
    return AuthSettings(issuers=[trust], ca_bundle_file=bundle)


async def test_keys_that_are_known_stay_when_the_bundle_is_another() -> None:
    issuers = Issuers(AuthServiceSettings(settings_file="", internal_key_file=""))
    issuers.follow(settings())
    known = issuers.keys("https://one.example")
    issuers.follow(settings("/not/mounted/ca.crt"))
    assert issuers.keys("https://one.example") is known
    issuers.follow(settings("/not/mounted/ca.crt", "http://127.0.0.1:2"))
    assert issuers.keys("https://one.example") is not known
    issuers.leave_all()
