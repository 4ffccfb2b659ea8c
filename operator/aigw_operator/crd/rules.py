# SPDX-License-Identifier: Apache-2.0
"""What compares fields, as CEL, so that `kubectl apply` refuses it with a message that tells the mend.

The operator checks everything again (`aigw_contract.checks`, which also has the rules that are about more than two
lists); this is the part of it that can be said before an object is stored. Keyed by model, or `Model.field`.
"""

from typing import Any, NamedTuple

FEATURES = ("codeCompletions", "codeGenerations", "chat", "embeddings")
TAKES_REQUESTS = "(has(self.requestEndpoints) && size(self.requestEndpoints) > 0)"
BUILT_IN = "['Anthropic', 'VertexAI', 'OpenAI', 'OpenAICompatible', 'Echo']"


class Rule(NamedTuple):
    """`computed`: CEL that makes a better message than `message`."""

    rule: str
    message: str
    computed: str = ""
    field: str = ""

    def manifest(self) -> dict[str, Any]:
        made = {"rule": self.rule, "message": self.message}
        made |= {"messageExpression": self.computed} if self.computed else {}
        return made | ({"fieldPath": self.field} if self.field else {})


LIST_KEYS = {"GatewaySpec.providers": "name", "GatewaySpec.models": "name", "Auth.issuers": "name"}
"""Lists in which a name may be used once. The order of a feature's models has a meaning, so theirs is a rule."""

# Messages are built from the lists themselves: what `string` or `join` gives has no bound that the API server can see,
# and a message without one is refused for its cost.


def _known_provider() -> Rule:
    unknown = "self.models.map(m, m.provider).filter(name, !(name in self.providers.map(p, p.name)))"
    return Rule(
        f"!has(self.models) || {unknown}.size() == 0",
        "a model names a provider that is not in spec.providers",
        f"'there is no provider \"' + {unknown}[0] + '\" in spec.providers'",
        ".models",
    )


def _endpoint_of_models() -> Rule:
    without = "self.providers.filter(p, p.type == 'OpenAICompatible' && !has(p.endpoint)).map(p, p.name)"
    used = f"self.models.map(m, m.provider).filter(name, name in {without})"
    return Rule(
        f"!has(self.models) || {used}.size() == 0",
        "a model names a provider that has no endpoint, only requestEndpoints",
        f"'the provider \"' + {used}[0] + '\" has no endpoint, only requestEndpoints'",
        ".models",
    )


def _known_model(feature: str) -> Rule:
    names = "(has(self.models) ? self.models.map(m, m.name) : [])"
    unknown = f"self.features.{feature}.models.map(m, m.name).filter(name, !(name in {names}))"
    return Rule(
        f"!has(self.features) || !has(self.features.{feature}) || {unknown}.size() == 0",
        f"features.{feature} names a model that is not in spec.models",
        f"'there is no model \"' + {unknown}[0] + '\" in spec.models'",
        f".features.{feature}.models",
    )


def _known_probe_model() -> Rule:
    names = "(has(self.models) ? self.models.map(m, m.name) : [])"
    unknown = f"self.probe.models.filter(name, !(name in {names}))"
    return Rule(
        f"!has(self.probe) || !has(self.probe.models) || {unknown}.size() == 0",
        "probe names a model that is not in spec.models",
        f"'there is no model \"' + {unknown}[0] + '\" in spec.models'",
        ".probe.models",
    )


def _needs(field: str, kind: str, example: str) -> Rule:
    return Rule(f"self.type != '{kind}' || has(self.{field})", f"is required for {kind}, {example}", "", f".{field}")


def _only_vertex(field: str) -> Rule:
    rule = f"!has(self.{field}) || self.type == 'VertexAI' || !(self.type in {BUILT_IN})"
    return Rule(rule, "has a meaning for VertexAI only: remove it", "", f".{field}")


RULES: dict[str, tuple[Rule, ...]] = {
    "AIGateway": (
        Rule(
            "self.spec.providers.all(p, size(self.metadata.name) + size(p.name) <= 53)",
            "metadata.name and the name of a provider have more than 53 characters together: shorten one",
        ),
    ),
    "GatewaySpec": (_known_provider(), _endpoint_of_models(), *map(_known_model, FEATURES), _known_probe_model(), Rule(
        "!has(self.network) || !has(self.network.callers) || size(self.network.callers) == 0 || !has(self.expose) "
        "|| self.expose.serviceType == 'ClusterIP'",
        "never matches: a Service of type NodePort or LoadBalancer lets anyone call",
        "",
        ".network.callers",
    )),
    "GatewaySpec.deployment": (Rule("self == oldSelf", "cannot be changed: make a new AIGateway beside this one"),),
    "Auth.decisionCache": (Rule("duration(self) <= duration('60s')", "must be at most 60s"),),
    "Provider": (
        _needs("project", "VertexAI", "the Google Cloud project"),
        _needs("location", "VertexAI", "such as europe-west1"),
        Rule(
            f"self.type != 'OpenAICompatible' || has(self.endpoint) || {TAKES_REQUESTS}",
            "is required for OpenAICompatible, such as http://vllm.models.svc:8000/v1, or requestEndpoints",
            "",
            ".endpoint",
        ),
        Rule(
            f"self.type == 'OpenAICompatible' || !{TAKES_REQUESTS}",
            "has a meaning for OpenAICompatible only: remove it",
            "",
            ".requestEndpoints",
        ),
        Rule(
            f"!has(self.credentials) || has(self.endpoint) || !{TAKES_REQUESTS}",
            "is never sent: there is no endpoint for it",
            "",
            ".credentials",
        ),
        _only_vertex("project"),
        _only_vertex("location"),
    ),
    "Provider.type": (Rule(
        f"self in {BUILT_IN} || self.matches('^[a-z][a-z0-9-]*[.][A-Z][A-Za-z0-9]*$')",
        "must be Anthropic, VertexAI, OpenAI, OpenAICompatible or Echo, or vendor.Name of another package",
    ),),
    "Feature": (
        Rule("self.models.all(m, self.models.exists_one(x, x.name == m.name))",
             "a model is listed twice: the second entry would never be reached", "", ".models"),
        Rule("self.models.all(m, has(m.weight)) || !self.models.exists(m, has(m.weight))",
             "give every model a weight, or none (then the order decides)", "", ".models"),
        Rule("!self.models.exists(m, has(m.weight)) || self.models.exists(m, has(m.weight) && m.weight > 0)",
             "all weights are 0, so none is ever tried first", "", ".models"),
    ),
    "Feature.timeout": (Rule("!self.matches('^0+[a-z]+$')", "must be longer than 0"),),
    "Autoscaling": (Rule("self.minReplicas <= self.maxReplicas", "minReplicas is more than maxReplicas"),),
    "Network.providerEgress": (Rule("self.all(c, isCIDR(c))", "must be networks such as 10.0.0.0/8"),),
}  # fmt: skip
