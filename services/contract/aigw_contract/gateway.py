# SPDX-License-Identifier: Apache-2.0
"""The AIGateway object as people write it. Unknown fields are faults.

Names follow Kubernetes API conventions (camelCase on the wire). Rules that compare fields are in `checks`. Descriptions
and bounds are also the CRD's: the first are what `kubectl explain` shows, the second keep its rules affordable.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, StringConstraints

from aigw_contract import endpoints
from aigw_contract.calls import FimFamily
from aigw_contract.exposure import EgressProxy, Expose, Network, Trust
from aigw_contract.shape import Address, Duration, Label, Name, Spec, Text
from aigw_contract.workloads import Images, Keys, Monitoring, SecretKeyRef, Workloads

API_VERSION = "aigateway.dev/v1alpha1"
KIND = "AIGateway"

BuiltInType = Literal["Anthropic", "VertexAI", "OpenAI", "OpenAICompatible", "Echo"]
ThirdPartyType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*\.[A-Z][A-Za-z0-9]*$", max_length=63)]
"""`vendor.Name`: an adapter that another package registers under the entry point group `aigw.providers`."""
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
FEATURES = ("codeCompletions", "codeGenerations", "chat", "embeddings")


def _request_endpoint(entry: str) -> str:
    """Raises ValueError for what can cover no address."""
    endpoints.parse_entry(entry)
    return entry


RequestEndpoint = Annotated[
    str,
    StringConstraints(
        pattern=r"^([*]|https?://([*][.])?[^/?#@*]+(/[^?#%]*)?)$", min_length=1, max_length=endpoints.MOST_CHARACTERS
    ),
    AfterValidator(_request_endpoint),
]


class Issuer(Spec):
    """Who may issue tokens, and where its keys are."""

    name: Name = Field(description="What logs and metrics call it.")
    url: HttpUrl = Field(
        description="The issuer's base URL; also the `iss` of its tokens unless `issuer` says otherwise."
    )
    issuer: Address | None = Field(None, description="The exact `iss` claim, where it differs from `url`.")
    realms: list[Literal["saas", "self-managed"]] = Field(
        [], max_length=2, description="Realms it may assert; empty means any."
    )
    algorithms: list[Algorithm] = Field(
        ["RS256"], min_length=1, max_length=10, description="Signature algorithms that are taken from it."
    )
    jwks_uri: HttpUrl | None = Field(None, description="Where its keys are; by default what discovery says.")
    required: bool = Field(True, description="Without a key from it the gateway is not ready.")


class Auth(Spec):
    """Whose tokens are accepted, and for how long what is known of them is believed."""

    audience: Text = Field("gitlab-ai-gateway", description="What the `aud` of a token must contain.")
    issuers: list[Issuer] = Field([], max_length=32, description="Who may issue tokens.")
    decision_cache: Duration = Field("60s", description="How long a yes is remembered, at most 60s; 0s asks each time.")
    stale_keys: Duration = Field("24h", description="How long an unreachable issuer's last good keys are trusted.")


class ProviderCredentials(Spec):
    """Where a provider's key is."""

    secret_ref: SecretKeyRef = Field(description="One key of a Secret beside the gateway. A change needs no restart.")


class Provider(Spec):
    """One provider service: its dialect, where it is, and what it authenticates with."""

    name: Label = Field(
        description="What models and status call it, and part of the names of its Deployment and Service."
    )
    type: BuiltInType | ThirdPartyType = Field(
        description="Anthropic, VertexAI, OpenAI, OpenAICompatible, Echo; or vendor.Name, which another package brings."
    )
    endpoint: HttpUrl | None = Field(None, description="Base URL; by default the provider's public one.")
    request_endpoints: list[RequestEndpoint] = Field(
        [],
        max_length=64,
        description="OpenAICompatible: addresses that a request may name in place of `endpoint`, with a key of its "
        "own. A base URL, whose host may begin with `*.`, stands for itself and all below it; `*` for any address but "
        "loopback and link-local ones, which must be named.",
    )
    credentials: ProviderCredentials | None = Field(
        None, description="Its key; without it calls go up without one, or (VertexAI) with the workload's identity."
    )
    project: Text | None = Field(None, description="VertexAI: the Google Cloud project.")
    location: Text | None = Field(None, description="VertexAI: the region, such as europe-west1, or `global`.")
    timeout: Duration = Field(
        "90s",
        description="The longest silence within a proxied answer. Models at an address that a request names have as "
        "long for a whole answer, or for the first content of a stream.",
    )


class Model(Spec):
    """A model under the name that features use."""

    name: Name = Field(description="What features and callers call it.")
    provider: Label = Field(description="Name of the provider that has it.")
    id: Text = Field(description="The provider's own id.")
    replaces: list[Text] = Field([], max_length=64, description="Retired names that mean this model now.")
    fim: FimFamily | None = Field(None, description="The fill-in-the-middle template, for raw completion endpoints.")


class FeatureModel(Spec):
    """One of the models that a feature may use."""

    name: Name = Field(description="Name of a model.")
    weight: int | None = Field(
        None, ge=0, le=1_000_000, description="Share of requests that try it first. All models of a feature or none."
    )


class Feature(Spec):
    """Which models serve a feature, and how long a caller waits."""

    timeout: Duration = Field(description="For all attempts together; for a stream, until its first content.")
    models: list[FeatureModel] = Field(
        min_length=1, max_length=32, description="Tried in this order, or, with weights, by lot and then in this order."
    )


class Features(Spec):
    """What callers can ask for. A feature that is left out is not served."""

    code_completions: Feature | None = Field(None, description="Completions of code while typing.")
    code_generations: Feature | None = Field(None, description="Code from an instruction.")
    chat: Feature | None = Field(None, description="Answers to questions.")
    embeddings: Feature | None = Field(None, description="Vectors of texts.")


class Limits(Spec):
    """What is refused before it costs anything."""

    max_body_bytes: int = Field(
        10 * 1024 * 1024, ge=1024, le=1024**3, description="A larger request body is refused with 413."
    )


class Logging(Spec):
    """How much the services log beside the access log, which has a line for each request at any level."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        description="The least that is logged. DEBUG also tells what was passed over in a request, and nothing of what "
        "it holds. A change restarts the pods.",
    )


class Probing(Spec):
    """What `Serving` rests on beside a request through all parts, which costs nothing."""

    models: list[Name] = Field(
        [],
        max_length=16,
        description="Models that are really asked, for a few tokens, before a generation is called Serving.",
    )


class GatewaySpec(Spec):
    """What the gateway should be."""

    deployment: Literal["Regional", "Customer", "SelfManaged"] = Field(
        description="Whom it serves: a region, one large customer, or its own owner. Cannot be changed."
    )
    region: str = Field("", max_length=63, description="Where it stands, such as europe-west1; in logs and status.")
    auth: Auth = Field(Auth(), description="Whose tokens are accepted.")
    providers: list[Provider] = Field(
        min_length=1, max_length=64, description="The provider services. Each runs by itself and alone has its key."
    )
    models: list[Model] = Field([], max_length=256, description="Models under the names that features use.")
    features: Features = Field(Features(), description="What callers can ask for, and which models answer.")
    limits: Limits = Field(Limits(), description="What is refused before it costs anything.")
    logging: Logging = Field(Logging(), description="How much the services log.")
    images: Images = Field(Images(), description="Where images come from; by default where the operator's own does.")
    workloads: Workloads = Field(Workloads(), description="Replicas and resources of the parts.")
    expose: Expose = Field(Expose(), description="How the router is reached from outside the cluster.")
    network: Network = Field(Network(), description="NetworkPolicies: who may connect to whom.")
    probe: Probing = Field(Probing(), description="What Serving rests on; by default no model is asked.")
    monitoring: Monitoring = Field(Monitoring(), description="How metrics are found by Prometheus.")
    keys: Keys = Field(Keys(), description="Keys of your own, in place of those that the operator makes.")
    trust: Trust | None = Field(None, description="Authorities of your own, beside the public ones.")
    egress_proxy: EgressProxy | None = Field(None, description="An HTTP proxy for all that leaves the cluster.")


class Metadata(BaseModel):
    """Kubernetes owns this part; only what is used here is typed."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=52)]
    namespace: Label = "default"


class AIGateway(Spec):
    """An AI gateway: a router, an auth service and a service for each AI provider, kept as the spec says."""

    api_version: Literal["aigateway.dev/v1alpha1"]
    kind: Literal["AIGateway"]
    metadata: Metadata
    spec: GatewaySpec = Field(description="What the gateway should be.")
    status: dict[str, Any] | None = Field(None, description="What it is, as the operator found it.")


BUILT_IN_TYPES: tuple[str, ...] = get_args(BuiltInType)
