# SPDX-License-Identifier: Apache-2.0
"""Tokens for a gateway on one machine, and the headers that must go with them."""

import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jwt

from aigw_standalone.keys import KEY_ID, LOCAL_ISSUER

SCOPES = (
    "complete_code",
    "generate_code",
    "duo_chat",
    "documentation_search",
    "semantic_search_issue",
    "ai_gateway_model_provider_proxy",
)
CLOCK_SKEW = 5  # seconds, as GitLab's own tokens have between nbf and iat


class Wanted(NamedTuple):
    """What a token shall say. With `user` it is a user token of the gateway, else an instance's."""

    scopes: Sequence[str] = SCOPES
    realm: str = "self-managed"
    instance_id: str = "local-instance"
    user: str = ""
    audience: str = "gitlab-ai-gateway"
    ttl: int = 3600  # seconds


def mint(wanted: Wanted, issuer_key: Path, signing_key: Path) -> str:
    """A signed JWT (RS256)."""
    now = int(time.time())
    claims = {
        "iss": wanted.audience if wanted.user else LOCAL_ISSUER,
        "aud": wanted.audience,
        "sub": wanted.user or wanted.instance_id,
        "iat": now,
        "nbf": now - CLOCK_SKEW,
        "exp": now + wanted.ttl,
        "jti": str(uuid.uuid4()),
        "gitlab_realm": wanted.realm,
        "gitlab_instance_id": wanted.instance_id,
        "gitlab_instance_uid": wanted.instance_id,
        "scopes": list(wanted.scopes),
    }
    if wanted.user:
        return jwt.encode(claims, signing_key.read_bytes(), "RS256")
    return jwt.encode(claims, issuer_key.read_bytes(), "RS256", headers={"kid": KEY_ID})


def headers(wanted: Wanted, token: str) -> dict[str, str]:
    """What a request with this token must carry: the identity headers agree with the claims."""
    always = {
        "Authorization": f"Bearer {token}",
        "X-Gitlab-Authentication-Type": "oidc",
        "X-Gitlab-Realm": wanted.realm,
        "X-Gitlab-Instance-Id": wanted.instance_id,
    }
    return always | ({"X-Gitlab-Global-User-Id": wanted.user} if wanted.user else {})
