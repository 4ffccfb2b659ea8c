# SPDX-License-Identifier: Apache-2.0
"""What the operator knows and its gateways' objects do not say: its own namespace, images, certificates' lives. Pure.

`aigw plan` has to know what the operator will do, so it looks where the operator is told: in its Deployment. Whoever
may not read that sees at least what the gateway runs now.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

from aigw_operator.desired.context import Context
from aigw_operator.desired.peers import OPERATOR
from aigw_operator.kinds import DEPLOYMENT, Named, Object
from aigw_operator.lives import USUAL, Lives

SELECTOR = f"app.kubernetes.io/name={OPERATOR}"
ENVIRONMENT = {"image_prefix": "AIGW_OPERATOR_IMAGE_PREFIX", "image_tag": "AIGW_OPERATOR_IMAGE_TAG"}
LIVES = {name: f"AIGW_OPERATOR_{name.upper()}_SECONDS" for name in Lives._fields}
DEFAULT = "the default"


class Source(NamedTuple):
    """Some of `image_prefix`, `image_tag`, `operator_namespace`, and who says so."""

    who: str
    facts: Mapping[str, str]


def chosen(sources: Iterable[Source]) -> dict[str, tuple[str, str]]:
    """Fact -> value and who says so: the first source that knows it, at last what `Context` has by default."""
    default = Source(DEFAULT, {name: getattr(Context, name) for name in (*ENVIRONMENT, "operator_namespace")})
    found: dict[str, tuple[str, str]] = {}
    for source in (*sources, default):
        found = {name: (value, source.who) for name, value in source.facts.items()} | found
    return found


def responsible(operators: Iterable[Object], namespace: str) -> Object | None:
    """The Deployment of who looks after a namespace; one that names the namespace goes before one for all."""
    watched = [(_watched(deployment), deployment) for deployment in operators]
    found = [pair for pair in watched if not pair[0] or namespace in pair[0]]
    return max(found, key=lambda pair: bool(pair[0]))[1] if found else None


def of_operator(operator: Object) -> Source:
    metadata, environment = operator["metadata"], _environment(operator)
    told = {name: environment[variable] for name, variable in ENVIRONMENT.items() if environment.get(variable)}
    who = f"the operator's Deployment {metadata['namespace']}/{metadata['name']}"
    return Source(who, told | {"operator_namespace": metadata["namespace"]})


def lives(operator: Object | None) -> Lives:
    """Of the certificates that it makes. What it is not told, or not in a way that is seen here, is as usual."""
    return USUAL._replace(**dict(_times(_environment(operator)))) if operator else USUAL


def version(operator: Object) -> str:
    """Empty if it does not say."""
    return str(operator["metadata"].get("labels", {}).get("app.kubernetes.io/version", ""))


def of_live(context: Context, live: Mapping[Named, Object]) -> Source:
    """Of the images that run and of the router's NetworkPolicy; nothing of what the gateway itself says."""
    own = context.gateway.spec.images
    facts = dict(_operator_namespace(live.get(("NetworkPolicy", context.object_name("router")), {})))
    for part in context.parts():
        prefix, tag = _image(live.get((DEPLOYMENT.kind, context.object_name(part.name)), {}), part.image)
        facts |= {"image_prefix": prefix} if prefix and not own.prefix else {}
        facts |= {"image_tag": tag} if tag and not own.tag else {}
    return Source("what runs now", facts)


def _watched(deployment: Object) -> list[str]:
    """Nothing means the whole cluster."""
    named = _environment(deployment).get("AIGW_OPERATOR_WATCH_NAMESPACES", "")
    return [name.strip() for name in named.split(",") if name.strip()]


def _environment(deployment: Object) -> dict[str, str]:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return {e["name"]: e["value"] for container in containers for e in container.get("env", []) if "value" in e}


def _times(environment: Mapping[str, str]) -> Iterator[tuple[str, timedelta]]:
    """Without what is no number of seconds: an operator that is told so does not start."""
    for name, variable in LIVES.items():
        with suppress(ValueError, OverflowError):
            yield name, timedelta(seconds=float(environment.get(variable, "")))


def _image(deployment: Mapping[str, Any], part: str) -> tuple[str, str]:
    """`registry/aigw-router:1` -> `registry/aigw-`, `1`; empty for what it does not say, as a digest says no tag."""
    spec = deployment.get("spec", {}).get("template", {}).get("spec", {})
    image = next((str(container["image"]) for container in spec.get("containers", [])), "")
    name, _, digest = image.partition("@")
    tag = "" if digest else name.rpartition("/")[2].partition(":")[2]
    name = name.removesuffix(f":{tag}")
    return (name.removesuffix(part), tag) if name.endswith(part) else ("", tag)


def _operator_namespace(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for rule in policy.get("spec", {}).get("ingress", []):
        for peer in rule.get("from", []):
            pods = peer.get("podSelector", {}).get("matchLabels", {})
            if pods.get("app.kubernetes.io/name") == OPERATOR:
                yield "operator_namespace", peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
