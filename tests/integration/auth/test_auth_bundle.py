# SPDX-License-Identifier: Apache-2.0
"""The settings name another bundle of authorities or another key file: a running pod may not have that file."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from aigw_auth.issuers import Issuers
from aigw_auth.settings import AuthServiceSettings
from aigw_contract.table import AuthSettings, IssuerTrust
from unit.auth.making import pem, public_pem, rsa_key

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


async def test_own_keys_that_are_known_stay_until_the_other_file_is_there(tmp_path: Path) -> None:
    """Added to pods that are about to go and lack it; and taken away from pods that have it."""
    signing, validation = tmp_path / "signing.pem", tmp_path / "validation.pem"
    signing.write_bytes(pem(rsa_key("own")))
    issuers = Issuers(AuthServiceSettings(settings_file="", internal_key_file=""))
    audience = AuthSettings().audience
    issuers.follow(AuthSettings(signing_key_file=str(signing)))
    await until(lambda: len(issuers.trusted()[audience].keys) == 1)
    signer = issuers.signer()
    issuers.follow(AuthSettings(signing_key_file=str(signing), validation_key_file=str(validation)))
    for _ in range(50):
        assert issuers.trusted()[audience].keys
        assert issuers.signer() is signer is not None
        await asyncio.sleep(0.02)
    validation.write_bytes(public_pem(rsa_key("b")))
    await until(lambda: len(issuers.trusted()[audience].keys) == 2)
    issuers.follow(AuthSettings(signing_key_file=str(signing)))
    assert issuers.trusted()[audience].keys
    await until(lambda: len(issuers.trusted()[audience].keys) == 1)
    issuers.leave_all()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.02)
