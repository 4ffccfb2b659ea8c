# SPDX-License-Identifier: Apache-2.0
"""What the router asks of the auth service (`POST /decisions`), and what comes back."""

from msgspec import Struct


class Credentials(Struct, omit_defaults=True, frozen=True):
    """The request headers that a decision rests on; an absent header is an empty string."""

    authorization: str = ""
    authentication_type: str = ""
    realm: str = ""
    instance_id: str = ""
    global_user_id: str = ""


class Decision(Struct, omit_defaults=True, frozen=True):
    """Who is calling and what the token permits, or why not.

    `message` is the text GitLab's clients know (`Forbidden by auth provider`); `reason` is the stable word for
    machines (`token_expired`). `expires_at` is the token's `exp`, Unix seconds.
    """

    allowed: bool
    status: int = 200
    reason: str = ""
    message: str = ""
    issuer: str = ""
    subject: str = ""
    realm: str = ""
    instance_id: str = ""
    user_token: bool = False  # minted by the gateway for one user, not by an issuer for an instance
    scopes: frozenset[str] = frozenset()
    expires_at: float = 0.0
