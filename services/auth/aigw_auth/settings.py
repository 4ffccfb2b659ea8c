# SPDX-License-Identifier: Apache-2.0
"""What the auth service reads: its environment once, and `AuthSettings` from a file that may change while it runs."""

from collections import Counter

import msgspec
from pydantic import Field

from aigw_auth.trust import ALGORITHMS
from aigw_contract.table import AuthSettings, IssuerTrust
from aigw_kit.settings import ServiceSettings


class AuthServiceSettings(ServiceSettings):
    """Names start with AIGW_, as everywhere: AIGW_SETTINGS_FILE, AIGW_JWKS_REFRESH_SECONDS, …"""

    settings_file: str = Field(description="JSON of `aigw_contract.table.AuthSettings`; re-read when it changes.")
    jwks_refresh_seconds: float = Field(3600.0, gt=0, description="How often an issuer's keys are fetched again.")
    jwks_cooldown_seconds: float = Field(30.0, ge=0, description="Least time between two fetches for unknown keys.")
    jwks_retry_seconds: float = Field(1.0, gt=0, description="First pause after a failed fetch; doubles up to 60 s.")
    refused_key_thumbprints: list[str] = Field([], description="RFC 7638 SHA-256 thumbprints of keys never to trust.")


def read_settings(content: bytes) -> AuthSettings:
    """The settings in a file. Raises ValueError if they are not whole or would trust more than they seem to."""
    try:
        settings = msgspec.json.decode(content, type=AuthSettings)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    if not settings.audience:
        raise ValueError("audience is empty")
    for issuer in settings.issuers:
        _check_issuer(issuer)
    _check_unique([issuer.name for issuer in settings.issuers], "name", settings.audience)
    _check_unique([issuer.issuer for issuer in settings.issuers], "issuer", settings.audience)
    return settings


def _check_issuer(issuer: IssuerTrust) -> None:
    if not issuer.issuer:
        raise ValueError(f"issuer {issuer.name}: `issuer` is empty")
    if not (issuer.jwks_file or issuer.jwks_uri or issuer.url):
        raise ValueError(f"issuer {issuer.name}: none of jwks_file, jwks_uri and url says where its keys are")
    if not issuer.algorithms or not ALGORITHMS.issuperset(issuer.algorithms):
        raise ValueError(f"issuer {issuer.name}: algorithms must be some of {', '.join(sorted(ALGORITHMS))}")


def _check_unique(values: list[str], what: str, audience: str) -> None:
    """The audience is the gateway's own name: an issuer that had it could make user tokens."""
    twice = [value for value, count in Counter([*values, audience]).items() if count > 1]
    if twice:
        raise ValueError(f"the {what} {twice[0]!r} is used twice, or is the audience")
