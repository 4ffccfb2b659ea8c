# SPDX-License-Identifier: Apache-2.0
"""What the services read: the router's `RoutingTable` and each provider's `ProviderSettings`.

Both are plain data that `aigw_contract.plan` makes from an AIGateway spec, written as JSON files that the services
re-read when they change.
"""

from msgspec import Struct, field

from aigw_contract.calls import FimFamily

PROXY_NAMES: dict[str, str] = {"anthropic": "Anthropic", "openai": "OpenAI", "vertex-ai": "VertexAI"}
"""Provider names in proxy paths (and in the `provider` of a prompt) -> provider types of the AIGateway object."""


class ProviderRoute(Struct, omit_defaults=True):
    type: str
    url: str  # where the provider service listens, such as http://10.0.0.7:5052


class ModelRoute(Struct, omit_defaults=True):
    provider: str
    id: str  # the provider's own id
    fim: FimFamily | None = None


class Choice(Struct, omit_defaults=True):
    model: str
    weight: int | None = None


class FeatureRoute(Struct, omit_defaults=True):
    """`timeout` (seconds) covers all attempts together."""

    timeout: float
    models: list[Choice]


class RequestedRoute(Struct, omit_defaults=True):
    """A provider that takes models which a request names with an address, where `endpoints` covers that."""

    provider: str
    endpoints: list[str]  # as `aigw_contract.endpoints` reads them
    timeout: float = 90.0  # seconds for the whole answer, or until a stream's first content


class RoutingTable(Struct, omit_defaults=True):
    """Everything the router needs to decide where a request goes. `revision` names the content."""

    revision: str = ""
    region: str = ""
    max_body_bytes: int = 10 * 1024 * 1024
    decision_cache_seconds: float = 60.0
    providers: dict[str, ProviderRoute] = {}
    models: dict[str, ModelRoute] = {}
    aliases: dict[str, str] = {}  # a retired or provider-side name -> a name in `models`
    features: dict[str, FeatureRoute] = {}
    proxies: dict[str, str] = {}  # a name of PROXY_NAMES -> the provider that serves it
    requested: list[RequestedRoute] = []  # the first that covers an address serves it

    def resolve(self, model: str, provider: str = "") -> str | None:
        """The name in `models` that a caller's model and provider mean, or None.

        `provider` may be a provider's name here or a well-known one (`anthropic`, `openai`, `vertex-ai`); empty is any.
        """
        name = model if model in self.models else self.aliases.get(model)
        if name is None or (provider and not self._is_provider(self.models[name].provider, provider)):
            return None
        return name

    def _is_provider(self, name: str, asked: str) -> bool:
        kind = self.providers[name].type
        asked = asked.lower().replace("_", "-")
        return asked in (name.lower(), kind.lower()) or PROXY_NAMES.get(asked) == kind or _ALSO.get(asked) == kind


_ALSO = {"open-ai": "OpenAI", "vertex": "VertexAI", "google": "VertexAI", "litellm": "OpenAICompatible"}


class ProviderSettings(Struct, omit_defaults=True):
    """What one provider service needs. Secrets are not in it: `credential_file` names where they are."""

    name: str
    type: str
    endpoint: str = ""  # empty: the provider's public endpoint, or none where it has none
    credential_file: str = ""  # empty: calls go up without a credential
    project: str = ""
    location: str = ""
    ca_bundle_file: str = ""
    timeout: float = 90.0  # seconds between two reads of a proxied answer
    max_body_bytes: int = 10 * 1024 * 1024
    request_endpoints: list[str] = []  # what a call may name in place of `endpoint`


class IssuerTrust(Struct, omit_defaults=True):
    """One issuer whose tokens are taken. Its keys come from one of `jwks_file`, `jwks_uri`, discovery below `url`."""

    name: str
    issuer: str  # the exact `iss` claim
    url: str = ""
    jwks_uri: str = ""
    jwks_file: str = ""
    realms: list[str] = []  # empty: any
    algorithms: list[str] = field(default_factory=lambda: ["RS256"])
    required: bool = True


class AuthSettings(Struct, omit_defaults=True):
    """What the auth service needs. `audience` is also the `iss` of the user tokens that the gateway mints."""

    audience: str = "gitlab-ai-gateway"
    issuers: list[IssuerTrust] = []
    stale_keys_seconds: float = 86400.0
    signing_key_file: str = ""  # PEM, RSA: signs user tokens; empty: none are minted or taken
    validation_key_file: str = ""  # PEM, RSA: the previous signing key, whose tokens are still taken
    ca_bundle_file: str = ""
