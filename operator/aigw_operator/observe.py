# SPDX-License-Identifier: Apache-2.0
"""What there is of a gateway: its Deployments, what its pods say, whether a request goes through all of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from aigw_contract.gateway import GatewaySpec
from aigw_contract.plan import revision
from aigw_contract.probes import Probed
from aigw_contract.workloads import SecretKeyRef
from aigw_operator.api.cluster import Cluster
from aigw_operator.desired.context import Context
from aigw_operator.generated import values_of
from aigw_operator.kinds import CONFIG_MAP, DEPLOYMENT, POD, SECRET, Key, Named, Object
from aigw_operator.nudge import nudge
from aigw_operator.probing import Keys, Late, Pod, Prober, pods_of
from aigw_operator.status import Observation, Part
from aigw_operator.wanted import named, selector

ENDED = ("Succeeded", "Failed")

Live = Mapping[Named, Object]


class Asked(NamedTuple):
    """Once for a generation: `models` to ask, as it costs something; `service`: also through the Service's address."""

    models: Sequence[str] = ()
    service: bool = False


def live_of(context: Context, cluster: Cluster) -> dict[Named, Object]:
    """What this gateway has, by kind and name."""
    return {named(body): body for body in cluster.belongings(Key(context.namespace, context.name))}


def observe(context: Context, stands: list[Object], cluster: Cluster, seen: Observation, asked: Asked) -> Observation:
    """Look at Deployments, ask the pods, and send the synthetic request if all have acknowledged.

    `stands`: what should be there. Pods of other parts, and of those that are awaited, are not asked.
    """
    live = live_of(context, cluster)
    known = {**live, **_brought(context, cluster)}
    bodies = cluster.find(POD, context.namespace, selector(context), recent=True)
    wanted = {part: name for part, name in _revisions(stands).items() if part not in seen.awaited}
    pods = [pod for pod in pods_of(bodies) if pod.address and pod.part in wanted]
    parts, keys = _parts(live, stands), _keys(context, known)
    behind, probed, error = _ask(context, keys, wanted, known, pods, cluster, asked)
    return replace(
        seen, parts=parts, behind=[late.why for late in behind], probed=probed, probe_error=error,
        missing_secrets=_missing_secrets(context, known), url=context.url("router"),
        routed=keys is not None and _routed(bodies, pods, parts, behind),
    )  # fmt: skip


def _routed(bodies: Iterable[Object], asked: Iterable[Pod], parts: Iterable[Part], behind: Iterable[Late]) -> bool:
    """Every router pod has said that it uses the table. One on its way out may still use another, and is not asked."""
    answered = {pod.name for pod in asked} if all(late.part != "router" for late in behind) else set()
    routers = [body for body in bodies if body["metadata"]["labels"]["app.kubernetes.io/component"] == "router"]
    running = [body for body in routers if body.get("status", {}).get("phase") not in ENDED]
    whole = all(part.whole for part in parts if part.name == "router")
    return whole and all(body["metadata"]["name"] in answered for body in running)


def _brought(context: Context, cluster: Cluster) -> dict[Named, Object]:
    """Secrets and ConfigMaps that the spec names; they are no gateway's, so no watch tells of them."""
    trust = context.gateway.spec.trust
    kinds = {(SECRET, ref.name) for _, ref in _references(context.gateway.spec)}
    kinds |= {(CONFIG_MAP, trust.ca_bundle.name)} if trust else set()
    found = {(kind.kind, name): cluster.get(kind, context.namespace, name) for kind, name in kinds}
    return {name: body for name, body in found.items() if body is not None}


def _ask(
    context: Context, keys: Keys | None, wanted: Mapping[str, str], known: Live, pods: list[Pod], cluster: Cluster,
    asked: Asked,
) -> tuple[list[Late], Probed | None, str]:  # fmt: skip
    if keys is None:
        return [], None, "the gateway's own keys are missing"
    nudge(context, known, pods, keys.internal, cluster)
    prober = Prober(context, keys)
    try:
        behind = prober.behind(pods, wanted)
        if behind:
            return behind, None, ""
        probed, error = prober.probe([*pods, *_service(context, known, asked)], asked.models)
        return [], probed, error
    finally:
        prober.close()


def _service(context: Context, known: Live, asked: Asked) -> list[Pod]:
    """The router's Service, asked as a pod is: its address leads to the new pods a little later than they are ready."""
    name = context.object_name("router")
    address = known.get(("Service", name), {}).get("spec", {}).get("clusterIP", "")
    return [Pod(f"Service {name}", "router", address, True)] if asked.service and address else []


def _keys(context: Context, known: Live) -> Keys | None:
    """Of the gateway's Secrets, made here or brought."""
    own = context.gateway.spec.keys
    places = (
        (context.object_name("tls-router"), "ca.crt"),
        (own.internal.name, own.internal.key) if own.internal else (context.object_name("internal"), "key"),
        (own.signing.name, own.signing.key) if own.signing else (context.object_name("signing"), "signing.pem"),
    )
    values = [values_of(known.get((SECRET.kind, name), {})).get(key, b"") for name, key in places]
    return Keys(*values) if all(values) else None


def _revisions(made: Iterable[Object]) -> dict[str, str]:
    """Part -> the revision that its pods must acknowledge: the router's table names its own."""
    found = {}
    for body in made:
        if body["kind"] == CONFIG_MAP.kind:
            part = body["metadata"]["labels"]["app.kubernetes.io/component"]
            data = body["data"]
            if "table.json" in data:
                found[part] = json.loads(data["table.json"])["revision"]
            elif "settings.json" in data:
                found[part] = revision(data["settings.json"].encode())
    return found


def _parts(live: Live, stands: Iterable[Object]) -> list[Part]:
    names = sorted(named(body) for body in stands if body["kind"] == DEPLOYMENT.kind)
    return [Part.of(live[name]) for name in names if name in live]


def _missing_secrets(context: Context, known: Live) -> list[str]:
    """Secrets that the spec names and that are not there, or have nothing under the key."""
    missing = []
    for path, ref in _references(context.gateway.spec):
        secret = known.get((SECRET.kind, ref.name))
        if secret is None:
            missing.append(f'{path}: there is no Secret "{ref.name}"')
        elif not values_of(secret).get(ref.key, b"").strip():
            missing.append(f'{path}: the Secret "{ref.name}" has nothing under "{ref.key}"')
    return missing


def _references(spec: GatewaySpec) -> list[tuple[str, SecretKeyRef]]:
    """Secrets of others, each with the path at which the spec names it."""
    found = [(f"spec.providers[{at}].credentials", p.credentials.secret_ref)
             for at, p in enumerate(spec.providers) if p.credentials]  # fmt: skip
    return found + [
        (f"spec.keys.{n}", ref) for n in ("internal", "signing", "validation") if (ref := getattr(spec.keys, n))
    ]
