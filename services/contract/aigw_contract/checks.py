# SPDX-License-Identifier: Apache-2.0
"""Whether a manifest can be used: every fault with its path, or the gateway.

Two layers: the shape (pydantic) and then rules that compare fields, a table of pure functions. A rule that can never
match is a fault like any other: it is never what its author meant.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from aigw_contract.gateway import AIGateway, Feature, GatewaySpec, Issuer, Model, Provider
from aigw_contract.shape import seconds


class Fault(NamedTuple):
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def check(manifest: Any) -> tuple[AIGateway | None, list[Fault]]:
    """The gateway and no faults, or None (or the gateway, if only rules are broken) and the faults."""
    try:
        gateway = AIGateway.model_validate(manifest)
    except ValidationError as error:
        return None, _shape_faults(error)
    return gateway, [*_object_names(gateway), *(fault for rule in RULES for fault in rule(gateway.spec))]


def _shape_faults(error: ValidationError) -> list[Fault]:
    faults = {Fault(_path(e["loc"]), _message(e)) for e in error.errors(include_url=False, include_context=False)}
    return sorted(faults)


def _path(loc: Iterable[str | int]) -> str:
    """`("spec", "models", 1, "provider")` -> `spec.models[1].provider`; union branches of pydantic are left out."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not part.startswith(("literal[", "constrained-str", "function-")):
            path += f".{part}" if path else part
    return path or "(the manifest)"


_MESSAGES = {
    "extra_forbidden": "no such field",
    "missing": "is required",
}


def _message(error: Any) -> str:
    text: str = error["msg"]
    return _MESSAGES.get(error["type"], text[:1].lower() + text[1:])


MOST_TOGETHER = 63 - len("-provider-")


def _object_names(gateway: AIGateway) -> Iterator[Fault]:
    """In a cluster `<gateway>-provider-<provider>` is the name of a Service, which has 63 characters at most."""
    most = MOST_TOGETHER - len(gateway.metadata.name)
    for at, provider in enumerate(gateway.spec.providers):
        if len(provider.name) > most:
            message = f"is too long: with this metadata.name it has {most} characters at most"
            yield Fault(f"spec.providers[{at}].name", message)


def _unique_names(spec: GatewaySpec) -> Iterator[Fault]:
    lists: dict[str, Sequence[Provider | Model | Issuer]] = {
        "providers": spec.providers,
        "models": spec.models,
        "auth.issuers": spec.auth.issuers,
    }
    for where, items in lists.items():
        counts = Counter(item.name for item in items)
        for at, item in enumerate(items):
            if counts[item.name] > 1:
                yield Fault(f"spec.{where}[{at}].name", f'"{item.name}" is used {counts[item.name]} times')


def _known_providers(spec: GatewaySpec) -> Iterator[Fault]:
    known = {p.name for p in spec.providers}
    for at, model in enumerate(spec.models):
        if model.provider not in known:
            yield Fault(f"spec.models[{at}].provider", _unknown("provider", model.provider, known))


def _endpoint_of_models(spec: GatewaySpec) -> Iterator[Fault]:
    """A provider whose addresses all come from requests has none for a model of the object."""
    without = {p.name for p in spec.providers if p.request_endpoints and p.endpoint is None}
    for at, model in enumerate(spec.models):
        if model.provider in without:
            yield Fault(f"spec.models[{at}].provider", f'"{model.provider}" has no endpoint, only requestEndpoints')


def _known_models(spec: GatewaySpec) -> Iterator[Fault]:
    known = {m.name for m in spec.models}
    for path, feature in _features(spec):
        for at, choice in enumerate(feature.models):
            if choice.name not in known:
                yield Fault(f"{path}.models[{at}].name", _unknown("model", choice.name, known))
    for at, name in enumerate(spec.probe.models):
        if name not in known:
            yield Fault(f"spec.probe.models[{at}]", _unknown("model", name, known))


def _weights(spec: GatewaySpec) -> Iterator[Fault]:
    for path, feature in _features(spec):
        weights = [m.weight for m in feature.models if m.weight is not None]
        if weights and len(weights) < len(feature.models):
            yield Fault(f"{path}.models", "give every model a weight, or none (then the order decides)")
        elif weights and sum(weights) == 0:
            yield Fault(f"{path}.models", "all weights are 0, so none is ever tried first")


def _listed_twice(spec: GatewaySpec) -> Iterator[Fault]:
    for path, feature in _features(spec):
        seen: set[str] = set()
        for at, choice in enumerate(feature.models):
            if choice.name in seen:
                yield Fault(f"{path}.models[{at}].name", f'"{choice.name}" is listed before; this entry never matches')
            seen.add(choice.name)


def _timeouts(spec: GatewaySpec) -> Iterator[Fault]:
    for path, feature in _features(spec):
        if seconds(feature.timeout) == 0:
            yield Fault(f"{path}.timeout", "must be longer than 0")
    if seconds(spec.auth.decision_cache) > 60:
        yield Fault("spec.auth.decisionCache", "must be at most 60s")


def _aliases(spec: GatewaySpec) -> Iterator[Fault]:
    names = {m.name for m in spec.models}
    seen: dict[str, str] = {}
    for at, model in enumerate(spec.models):
        for position, old in enumerate(model.replaces):
            path = f"spec.models[{at}].replaces[{position}]"
            if old in names:
                yield Fault(path, f'"{old}" is the name of a model here, so this alias never matches')
            elif old in seen:
                yield Fault(path, f'"{old}" is replaced by "{seen[old]}" already, so this alias never matches')
            seen.setdefault(old, model.name)


def _fim(spec: GatewaySpec) -> Iterator[Fault]:
    types = {p.name: p.type for p in spec.providers}
    for at, model in enumerate(spec.models):
        kind = types.get(model.provider)
        if model.fim and kind in ("Anthropic", "VertexAI", "OpenAI"):
            yield Fault(f"spec.models[{at}].fim", f'{kind} has no raw completion endpoint, so "fim" never applies')


def _unused_providers(spec: GatewaySpec) -> Iterator[Fault]:
    """A provider without models still serves its proxy, but only one of a type does, and only of three types."""
    used = {m.provider for m in spec.models}
    proxied: set[str] = set()
    for at, provider in enumerate(spec.providers):
        serves_proxy = provider.type in ("Anthropic", "OpenAI", "VertexAI") and provider.type not in proxied
        proxied.add(provider.type)
        if provider.name not in used and not serves_proxy and not provider.request_endpoints:
            yield Fault(f"spec.providers[{at}]", f'no model uses "{provider.name}", so no request ever reaches it')


def _required_fields(spec: GatewaySpec) -> Iterator[Fault]:
    needed = {"VertexAI": ("project", "location"), "OpenAICompatible": ("endpoint",)}
    for at, provider in enumerate(spec.providers):
        for name in needed.get(provider.type, ()) if not provider.request_endpoints else ():
            if getattr(provider, name) is None:
                yield Fault(f"spec.providers[{at}].{name}", f"is required for {provider.type}")


def _fields_without_use(spec: GatewaySpec) -> Iterator[Fault]:
    for at, provider in enumerate(spec.providers):
        for name in (*_vertex_only(provider), *_compatible_only(provider)):
            yield Fault(f"spec.providers[{at}].{name}", f"has no meaning for {provider.type}")


def _vertex_only(provider: Provider) -> list[str]:
    if provider.type not in ("Anthropic", "OpenAI", "OpenAICompatible", "Echo"):
        return []
    return [name for name in ("project", "location") if getattr(provider, name) is not None]


def _compatible_only(provider: Provider) -> list[str]:
    return ["requestEndpoints"] if provider.request_endpoints and provider.type != "OpenAICompatible" else []


def _credentials_without_use(spec: GatewaySpec) -> Iterator[Fault]:
    """Where a request names the server it brings the key, too."""
    for at, provider in enumerate(spec.providers):
        if provider.request_endpoints and provider.endpoint is None and provider.credentials is not None:
            yield Fault(f"spec.providers[{at}].credentials", "is never sent: there is no endpoint for it")


def _autoscaling(spec: GatewaySpec) -> Iterator[Fault]:
    for name in type(spec.workloads).model_fields:
        scaled = getattr(spec.workloads, name).autoscaling
        if scaled is not None and scaled.min_replicas > scaled.max_replicas:
            yield Fault(f"spec.workloads.{name}.autoscaling", "minReplicas is more than maxReplicas")


def _callers(spec: GatewaySpec) -> Iterator[Fault]:
    kind = spec.expose.service_type
    if spec.network.callers and kind != "ClusterIP":
        yield Fault("spec.network.callers", f"never matches: a Service of type {kind} lets anyone call")


def _features(spec: GatewaySpec) -> Iterator[tuple[str, Feature]]:
    for name, field in type(spec.features).model_fields.items():
        feature = getattr(spec.features, name)
        if feature is not None:
            yield f"spec.features.{field.alias}", feature


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    return f'no {kind} "{name}" (known: {", ".join(sorted(known)) or "none"})'


RULES: tuple[Callable[[GatewaySpec], Iterator[Fault]], ...] = (
    _unique_names,
    _known_providers,
    _endpoint_of_models,
    _known_models,
    _weights,
    _listed_twice,
    _timeouts,
    _aliases,
    _fim,
    _unused_providers,
    _required_fields,
    _fields_without_use,
    _credentials_without_use,
    _autoscaling,
    _callers,
)
