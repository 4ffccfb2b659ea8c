# SPDX-License-Identifier: Apache-2.0
"""The variables of GitLab's own image, one row each: where it goes here, or why it goes nowhere. Pure.

Names are those of GitLab's documentation of that image. Those of Vertex AI follow its rule AIGW_<group>__<name> from
`vertexTextModel` of GitLab's chart. ANTHROPIC_BASE_URL and OPENAI_BASE_URL are read by the providers' own SDKs.
AIGW_CUSTOM_MODELS__ENDPOINTS is ours.
"""

from typing import Any, NamedTuple

from aigw_standalone import values
from aigw_standalone.values import Reader


class Honoured(NamedTuple):
    """`place` is a path in the AIGateway object; `[x]` is the entry of a list with the name x.

    With `secret` ("name/key") the value goes there and the place refers to it. `needs`: means nothing without that one.
    """

    name: str
    place: str
    read: Reader
    secret: str = ""
    needs: str = ""


HONOURED = (
    Honoured("AIGW_GITLAB_URL", "spec.auth.issuers[gitlab].url", values.address),
    Honoured("AIGW_CUSTOMER_PORTAL_URL", "spec.auth.issuers[customers].url", values.address),
    Honoured("AIGW_CLOUD_CONNECTOR_SERVICE_NAME", "spec.auth.audience", values.text),
    Honoured("ANTHROPIC_API_KEY", "spec.providers[anthropic].credentials.secretRef", values.token, "anthropic/api-key"),
    Honoured("ANTHROPIC_BASE_URL", "spec.providers[anthropic].endpoint", values.address, needs="ANTHROPIC_API_KEY"),
    Honoured("OPENAI_API_KEY", "spec.providers[openai].credentials.secretRef", values.token, "openai/api-key"),
    Honoured("OPENAI_BASE_URL", "spec.providers[openai].endpoint", values.address, needs="OPENAI_API_KEY"),
    Honoured("AIGW_VERTEX_TEXT_MODEL__PROJECT", "spec.providers[vertex].project", values.text),
    Honoured(
        "AIGW_VERTEX_TEXT_MODEL__LOCATION",
        "spec.providers[vertex].location",
        values.text,
        needs="AIGW_VERTEX_TEXT_MODEL__PROJECT",
    ),
    Honoured(
        "AIGW_VERTEX_TEXT_MODEL__JSON_KEY",
        "spec.providers[vertex].credentials.secretRef",
        values.json_key,
        "vertex/key.json",
        "AIGW_VERTEX_TEXT_MODEL__PROJECT",
    ),
    Honoured("AIGW_CUSTOM_MODELS__ENABLED", "spec.providers[custom].requestEndpoints", values.any_endpoint),
    Honoured("AIGW_CUSTOM_MODELS__ENDPOINTS", "spec.providers[custom].requestEndpoints", values.endpoints),
    Honoured("AIGW_MOCK_MODEL_RESPONSES", "spec.providers[echo].type", values.echo),
    Honoured("AIGW_DUO_CHAT__MODEL_REQUEST_TIMEOUT", "spec.features.chat.timeout", values.duration),
    Honoured("AIGW_SELF_SIGNED_JWT__SIGNING_KEY", "spec.keys.signing", values.signing_key, "user-tokens/signing.pem"),
    Honoured(
        "AIGW_SELF_SIGNED_JWT__VALIDATION_KEY",
        "spec.keys.validation",
        values.validation_key,
        "user-tokens/validation.pem",
    ),
)
"""As soon as one of these says something, `aigw up` without a file runs the object that they make."""


class Setting(NamedTuple):
    """`field` of `environment.Settings`; `option`: of `aigw up`, or the variable of our own, which comes first."""

    name: str
    option: str
    field: str
    read: Reader


SETTINGS = (
    Setting("AIGW_FASTAPI__API_HOST", "--host", "host", values.text),
    Setting("AIGW_FASTAPI__API_PORT", "--port", "port", values.port),
    Setting("AIGW_FASTAPI__METRICS_HOST", "--metrics-host", "metrics_host", values.text),
    Setting("AIGW_FASTAPI__METRICS_PORT", "--metrics-port", "metrics_port", values.port),
    Setting("AIGW_LOGGING__LEVEL", "AIGW_LOG_LEVEL", "log_level", values.log_level),
)
"""These are for this machine and no part of the object; they hold with a file, too, and come before what it says."""

FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GOOGLE_APPLICATION_CREDENTIALS")
"""Names of files that the services read as they are."""
OURS = frozenset({"AIGW_LOG_LEVEL"})

REFUSED = {
    "AIGW_PROXY_ENDPOINTS__*": "lists of who may use the proxies are not kept here, and without them more callers may"
}
"""What would open a door if it were passed over in silence. Names that end in * stand for all that begin so."""


class Ignored(NamedTuple):
    """`switch`: off means that nothing is lost."""

    name: str
    why: str
    switch: bool = False


NO_WORKFLOW = "the Duo Workflow service is no part of this gateway"
NO_BYPASS = "nobody gets past authentication"
CATALOGUE = "there is no catalogue of models here; name models and features in a file"

IGNORED = (
    Ignored("AIGW_GITLAB_API_URL", "GitLab is asked for nothing but its keys, which are found below AIGW_GITLAB_URL"),
    Ignored("AIGW_CUSTOM_MODELS__DISABLE_STREAMING", "what is asked for as a stream is streamed", switch=True),
    Ignored("AIGW_CUSTOM_MODELS__EXTRA_HEADERS", "no headers of your own are sent to model servers"),
    Ignored("AIGW_FASTAPI__DOCS_URL", "the API page is at /docs"),
    Ignored("AIGW_FASTAPI__OPENAPI_URL", "it is at /openapi.json"),
    Ignored("AIGW_FASTAPI__REDOC_URL", "the API page is at /docs"),
    Ignored("AIGW_FASTAPI__TLS__*", "it speaks plain HTTP; put what ends TLS in front of it"),
    Ignored("AIGW_LOGGING__*", "logs are JSON on stdout and never hold a request"),
    Ignored("AIGW_MODEL_ENGINE_LIMITS", "it limits nothing in GitLab's image either, and is not measured here"),
    Ignored("AIGW_MODEL_SELECTION__*", CATALOGUE),
    Ignored("AIGW_MODEL_KEYS__*", "a key alone names no server; give it to a provider in a file"),
    Ignored("AIGW_MTLS__*", "model servers are shown no certificate"),
    Ignored("AIGW_FEATURE_FLAGS__DISALLOWED_FLAGS", "feature flags of GitLab change nothing here"),
    Ignored("AIGW_AUTH__BYPASS_EXTERNAL", NO_BYPASS, switch=True),
    Ignored("AIGW_AUTH__BYPASS_EXTERNAL_WITH_HEADER", NO_BYPASS, switch=True),
    Ignored("AIGW_AUTH__BYPASS_JWT_SIGNATURE", NO_BYPASS, switch=True),
    Ignored("DUO_WORKFLOW_*", NO_WORKFLOW),
    Ignored("WEB_CONCURRENCY", "each service is one process; for more, run more containers"),
    Ignored("PROMETHEUS_MULTIPROC_DIR", "each service is one process, with metrics of its own"),
    Ignored("HF_HOME", "nothing of Hugging Face is loaded"),
)


def matches(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def known(name: str) -> bool:
    """Whether there is a row for a variable."""
    rows: tuple[Any, ...] = (*HONOURED, *SETTINGS, *IGNORED)
    patterns = [*(row.name for row in rows), *FILES, *OURS, *REFUSED]
    return any(matches(pattern, name) for pattern in patterns)
