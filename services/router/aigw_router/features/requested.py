# SPDX-License-Identifier: Apache-2.0
"""Models that a request names with an address: which provider takes the call, and under which id. Pure.

Whoever names a server has decided where the code may go: it is this very model or a refusal, and never another one.

GitLab writes a model's id as LiteLLM does, `<kind of server>/<id>`. Kinds that speak OpenAI's dialect are taken off,
one that speaks another is refused, and what is neither is a part of the id, as in `mistralai/Mistral-7B`.
Source: https://docs.litellm.ai/docs/providers, and there openai_compatible, text_completion_openai, vllm,
litellm_proxy.
"""

import re
from typing import Any

from aigw_contract import endpoints
from aigw_contract.calls import FimFamily, ModelServer
from aigw_contract.endpoints import Endpoint
from aigw_contract.errors import Forbidden, NothingUsable, WrongShape
from aigw_contract.model_metadata import ModelMetadata
from aigw_contract.table import ModelRoute, RequestedRoute, RoutingTable

NAME = "requested"
"""In place of a model's name in metrics and logs: what requests name has no end."""

MOST_CHARACTERS = {"identifier": 1000, "name": 1000, "api_key": 2000}

SPOKEN = frozenset((
    "openai", "custom_openai", "openai_like", "text-completion-openai", "text-completion-custom_openai", "hosted_vllm",
    "litellm_proxy", "llamafile", "lm_studio",
))  # fmt: skip
NOT_SPOKEN = frozenset((
    "anthropic", "anthropic_text", "azure", "azure_ai", "azure_text", "bedrock", "bedrock_converse", "cloudflare",
    "codestral", "cohere", "cohere_chat", "databricks", "gemini", "huggingface", "nlp_cloud", "oci", "ollama",
    "ollama_chat", "palm", "petals", "predibase", "replicate", "sagemaker", "sagemaker_chat", "snowflake",
    "text-completion-codestral", "triton", "vertex_ai", "vertex_ai_beta", "watsonx", "watsonx_text",
))  # fmt: skip

FIM_NAMES: tuple[tuple[re.Pattern[str], FimFamily], ...] = (
    (re.compile(r"codestral(?!-(embed|mamba))"), "Codestral"),
    (re.compile(r"qwen-?2\.5-?coder"), "Qwen"),
    (re.compile(r"deepseek-?coder"), "DeepSeek"),
    (re.compile(r"starcoder|granite-(\d+b-)?code"), "StarCoder"),
    (re.compile(r"code-?llama(?!.*(34|70)b)"), "CodeLlama"),  # these two sizes were not trained for it
    (re.compile(r"granite-(3\.3|4\.0)"), "Granite"),
)
"""How the name of a family begins -> its template. The ids of servers tell nothing: anything can be called anything."""


def route(named: ModelMetadata, table: RoutingTable) -> ModelRoute:
    """The provider and the id for a request that names a server.

    Raises Forbidden (403), NothingUsable (422), WrongShape (422).
    """
    if not table.requested:
        message = "This gateway takes no models that a request names with an address"
        raise Forbidden(message, reason="custom_models_disabled")
    _check_lengths(named)
    identifier = _identifier(named)  # first: of what it does not speak, GitLab's administrators make up the address
    return ModelRoute(_provider(named, table).provider, identifier, fim_family(named.name or ""))


def server(named: ModelMetadata) -> ModelServer:
    """Where the call goes. To be asked after `route`, which refuses what cannot be read."""
    return ModelServer(_endpoint(named).url, named.api_key or "")


def timeout(named: ModelMetadata, table: RoutingTable) -> float:
    """Seconds, as the provider has them. Raises as `route`."""
    return _provider(named, table).timeout


def fim_family(name: str) -> FimFamily | None:
    """The family of a model by the name that GitLab has for it, where that is beyond doubt."""
    name = name.strip().lower().replace("_", "-").replace(" ", "-")
    return next((family for pattern, family in FIM_NAMES if pattern.match(name)), None)


def host_of(at: ModelServer) -> str:
    """For the log, which has no more of an address."""
    return endpoints.parse(at.endpoint).host


def _check_lengths(named: ModelMetadata) -> None:
    for field, most in MOST_CHARACTERS.items():
        value: Any = getattr(named, field)
        if len(value or "") > most:
            raise WrongShape(f"model_metadata.{field} has more than {most} characters")


def _identifier(named: ModelMetadata) -> str:
    asked = named.identifier or named.name or ""
    kind, slash, rest = asked.partition("/")
    for spoken in (kind if slash else "", named.provider):
        if spoken in NOT_SPOKEN:
            message = f"At an address that a request names a model has to speak as OpenAI's do, and {spoken} does not"
            raise NothingUsable(message, reason="model_dialect_not_supported")
    identifier = rest if slash and kind in SPOKEN else asked
    if not identifier:
        raise NothingUsable("model_metadata names an endpoint and no model", reason="no_such_model")
    return identifier


def _provider(named: ModelMetadata, table: RoutingTable) -> RequestedRoute:
    """The first whose list has the address."""
    endpoint = _endpoint(named)
    for found in table.requested:
        if endpoints.covered(endpoint, found.endpoints):
            return found
    message = f"This gateway is not allowed to call models at {endpoint.host}"
    raise Forbidden(message, reason="model_endpoint_not_allowed")


def _endpoint(named: ModelMetadata) -> Endpoint:
    try:
        return endpoints.parse(named.endpoint or "")
    except ValueError as error:
        raise Forbidden(f"The endpoint of the model {error}", reason="model_endpoint_not_allowed") from None
