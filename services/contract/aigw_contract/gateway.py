# SPDX-License-Identifier: Apache-2.0
"""The AIGateway object as people write it. Unknown fields are faults.

Names follow Kubernetes API conventions (camelCase on the wire). Rules that compare fields are in `checks`.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StringConstraints

from aigw_contract.calls import FimFamily
from aigw_contract.shape import Duration, Name, Spec
from aigw_contract.workloads import (
    EgressProxy,
    Expose,
    Images,
    Keys,
    Monitoring,
    Network,
    SecretKeyRef,
    Trust,
    Workloads,
)

API_VERSION = "aigateway.dev/v1alpha1"
KIND = "AIGateway"

BuiltInType = Literal["Anthropic", "VertexAI", "OpenAI", "OpenAICompatible", "Echo"]
ThirdPartyType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*\.[A-Z][A-Za-z0-9]*$")]
"""`vendor.Name`: an adapter that another package registers under the entry point group `aigw.providers`."""
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
FEATURES = ("codeCompletions", "codeGenerations", "chat", "embeddings")


class Issuer(Spec):
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


class Auth(Spec):
    audience: str = Field("gitlab-ai-gateway", description="What the `aud` of a token must contain.")
    issuers: list[Issuer] = []
    decision_cache: Duration = Field("60s", description="How long a yes is remembered, at most 60s; 0s asks each time.")
    stale_keys: Duration = Field("24h", description="How long an unreachable issuer's last good keys are trusted.")


class ProviderCredentials(Spec):
    """Where a provider's key is."""

    secret_ref: SecretKeyRef


class Provider(Spec):
    """One provider service: its dialect, where it is, and what it authenticates with."""

    name: Name
    type: BuiltInType | ThirdPartyType
    endpoint: HttpUrl | None = Field(None, description="Base URL; by default the provider's public one.")
    credentials: ProviderCredentials | None = None
    project: str | None = Field(None, description="VertexAI: the Google Cloud project.")
    location: str | None = Field(None, description="VertexAI: the region, such as europe-west1, or `global`.")
    timeout: Duration = Field("90s", description="The longest silence within a proxied answer.")


class Model(Spec):
    """A model under the name that features use."""

    name: Name
    provider: Name
    id: str = Field(min_length=1, description="The provider's own id.")
    replaces: list[str] = Field([], description="Retired names that mean this model now.")
    fim: FimFamily | None = Field(None, description="The fill-in-the-middle template, for raw completion endpoints.")


class FeatureModel(Spec):
    name: Name
    weight: int | None = Field(None, ge=0, description="Share of requests that try it first. All models or none.")


class Feature(Spec):
    timeout: Duration = Field(description="For all attempts together.")
    models: list[FeatureModel] = Field(min_length=1)


class Features(Spec):
    code_completions: Feature | None = None
    code_generations: Feature | None = None
    chat: Feature | None = None
    embeddings: Feature | None = None


class Limits(Spec):
    max_body_bytes: int = Field(10 * 1024 * 1024, ge=1024, description="A larger request body is refused with 413.")


class GatewaySpec(Spec):
    deployment: Literal["Regional", "Customer", "SelfManaged"]
    region: str = ""
    auth: Auth = Auth()
    providers: list[Provider] = Field(min_length=1)
    models: list[Model] = []
    features: Features = Features()
    limits: Limits = Limits()
    images: Images = Images()
    workloads: Workloads = Workloads()
    expose: Expose = Expose()
    network: Network = Network()
    monitoring: Monitoring = Monitoring()
    keys: Keys = Keys()
    trust: Trust | None = None
    egress_proxy: EgressProxy | None = None


class Metadata(BaseModel):
    """Kubernetes owns this part; only what is used here is typed."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Name
    namespace: str = "default"


class AIGateway(Spec):
    api_version: Literal["aigateway.dev/v1alpha1"]
    kind: Literal["AIGateway"]
    metadata: Metadata
    spec: GatewaySpec
    status: dict[str, Any] | None = None


BUILT_IN_TYPES: tuple[str, ...] = get_args(BuiltInType)
