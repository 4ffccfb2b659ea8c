# SPDX-License-Identifier: Apache-2.0
"""The AIGateway object as people write it. Unknown fields are faults.

Names follow Kubernetes API conventions (camelCase on the wire). Rules that compare fields are in `checks`.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StringConstraints
from pydantic.alias_generators import to_camel

from aigw_contract.calls import FimFamily

API_VERSION = "aigateway.dev/v1alpha1"
KIND = "AIGateway"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=63)]
Duration = Annotated[str, StringConstraints(pattern=r"^[0-9]+(ms|s|m|h)$")]
"""A whole number and a unit: 500ms, 3s, 1m, 24h."""
BuiltInType = Literal["Anthropic", "VertexAI", "OpenAI", "OpenAICompatible", "Echo"]
ThirdPartyType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*\.[A-Z][A-Za-z0-9]*$")]
"""`vendor.Name`: an adapter that another package registers under the entry point group `aigw.providers`."""
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
FEATURES = ("codeCompletions", "codeGenerations", "chat", "embeddings")


def seconds(duration: str) -> float:
    """`500ms` -> 0.5. The pattern of `Duration` has been checked."""
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        if duration.endswith(unit):
            return int(duration.removesuffix(unit)) * factor
    raise ValueError(f"not a duration: {duration}")


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True)


class Issuer(_Spec):
    """Who may issue tokens, and where its keys are."""

    name: Name
    url: HttpUrl = Field(
        description="The issuer's base URL; also the `iss` of its tokens unless `issuer` says otherwise."
    )
    issuer: str | None = Field(None, description="The exact `iss` claim, where it differs from `url`.")
    realms: list[Literal["saas", "self-managed"]] = Field([], description="Realms it may assert; empty means any.")
    algorithms: list[Algorithm] = Field(["RS256"], min_length=1)
    jwks_uri: HttpUrl | None = Field(None, description="Where its keys are; by default what discovery says.")
    required: bool = Field(True, description="Without a key from it the gateway is not ready.")


class Auth(_Spec):
    audience: str = Field("gitlab-ai-gateway", description="What the `aud` of a token must contain.")
    issuers: list[Issuer] = []
    decision_cache: Duration = Field("60s", description="How long a yes is remembered, at most 60s; 0s asks each time.")
    stale_keys: Duration = Field("24h", description="How long an unreachable issuer's last good keys are trusted.")


class SecretRef(_Spec):
    name: Name
    key: str


class ProviderCredentials(_Spec):
    secret_ref: SecretRef


class Provider(_Spec):
    """One provider service: its dialect, where it is, and what it authenticates with."""

    name: Name
    type: BuiltInType | ThirdPartyType
    endpoint: HttpUrl | None = Field(None, description="Base URL; by default the provider's public one.")
    credentials: ProviderCredentials | None = None
    project: str | None = Field(None, description="VertexAI: the Google Cloud project.")
    location: str | None = Field(None, description="VertexAI: the region, such as europe-west1, or `global`.")
    timeout: Duration = Field("90s", description="The longest silence within a proxied answer.")


class Model(_Spec):
    """A model under the name that features use."""

    name: Name
    provider: Name
    id: str = Field(min_length=1, description="The provider's own id.")
    replaces: list[str] = Field([], description="Retired names that mean this model now.")
    fim: FimFamily | None = Field(None, description="The fill-in-the-middle template, for raw completion endpoints.")


class FeatureModel(_Spec):
    name: Name
    weight: int | None = Field(None, ge=0, description="Share of requests that try it first. All models or none.")


class Feature(_Spec):
    timeout: Duration = Field(description="For all attempts together.")
    models: list[FeatureModel] = Field(min_length=1)


class Features(_Spec):
    code_completions: Feature | None = None
    code_generations: Feature | None = None
    chat: Feature | None = None
    embeddings: Feature | None = None


class Limits(_Spec):
    max_body_bytes: int = Field(10 * 1024 * 1024, ge=1024, description="A larger request body is refused with 413.")


class GatewaySpec(_Spec):
    deployment: Literal["Regional", "Customer", "SelfManaged"]
    region: str = ""
    auth: Auth = Auth()
    providers: list[Provider] = Field(min_length=1)
    models: list[Model] = []
    features: Features = Features()
    limits: Limits = Limits()


class Metadata(BaseModel):
    """Kubernetes owns this part; only what is used here is typed."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Name
    namespace: str = "default"


class AIGateway(_Spec):
    api_version: Literal["aigateway.dev/v1alpha1"]
    kind: Literal["AIGateway"]
    metadata: Metadata
    spec: GatewaySpec
    status: dict[str, Any] | None = None


BUILT_IN_TYPES: tuple[str, ...] = get_args(BuiltInType)
