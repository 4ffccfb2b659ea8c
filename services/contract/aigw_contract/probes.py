# SPDX-License-Identifier: Apache-2.0
"""A synthetic request through the whole gateway, `POST /probe`: what it finds out.

It goes router → auth → every provider service as a caller's request would, with a token that auth must accept, and asks
each provider what it knows without calling the AI provider. Only models that it is told to ask cost tokens.
"""

from typing import Literal

from msgspec import Struct

from aigw_contract.failures import Kind

CredentialState = Literal["present", "missing", "not_needed"]


class Probe(Struct, omit_defaults=True):
    """The body, which may be left out. `models`: names in the routing table that are really asked, for a few tokens."""

    models: list[str] = []


class ProviderState(Struct, omit_defaults=True):
    """What a provider service knows of itself. Times are Unix seconds, 0 for never."""

    revision: str
    credential: CredentialState
    credential_since: float = 0.0
    last_success: float = 0.0
    last_error: Kind | None = None
    last_error_at: float = 0.0


class Probed(Struct, omit_defaults=True):
    """`providers` that did not answer are in `unreachable` instead."""

    revision: str  # of the routing table
    providers: dict[str, ProviderState] = {}
    unreachable: list[str] = []
    models: dict[str, str] = {}  # a model that was asked -> why it gave no answer, or empty
