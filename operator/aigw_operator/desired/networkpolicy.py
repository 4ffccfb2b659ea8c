# SPDX-License-Identifier: Apache-2.0
"""Who may talk to whom: nobody, but for the arrows of the picture. None if the gateway wants no policies.

    callers ──► router ──► auth ──► issuers          operator ──► all parts        any pod ──► metrics
                   └─────► providers ──► AI providers

The way out of auth and providers is open to the addresses of `spec.network.providerEgress` and to all pods of the
cluster, because model servers and GitLab may run there. A policy cannot take single pods out of that; it need not: what
other parts let in says that neither auth nor another provider can be reached this way.
"""

from typing import Any

from aigw_operator.desired.context import Context, Part
from aigw_operator.desired.peers import ANY_POD, DNS, METRICS, SERVING, callers, operator, outside, parts


def default_deny(context: Context) -> dict[str, Any] | None:
    """Also for a pod of a part that is just being removed, and has no policy of its own any more."""
    return _policy(context, "default-deny", {"podSelector": {"matchLabels": context.everything()}})


def build(context: Context, part: Part) -> dict[str, Any] | None:
    rules = {
        "podSelector": {"matchLabels": context.selector(part.name)},
        "ingress": [_served(context, part), {"ports": METRICS, "from": [ANY_POD]}],
        "egress": _way_out(context, part),
    }
    return _policy(context, part.name, rules)


def _policy(context: Context, name: str, rules: dict[str, Any]) -> dict[str, Any] | None:
    if not context.gateway.spec.network.policies:
        return None
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": context.metadata(name),
        "spec": {"policyTypes": ["Ingress", "Egress"], **rules},
    }


def _served(context: Context, part: Part) -> dict[str, Any]:
    if part.name != "router":
        return {"ports": SERVING, "from": [parts(context, "In", "router"), operator(context)]}
    found = callers(context)
    return {"ports": SERVING, **({"from": [*found, operator(context)]} if found else {})}


def _way_out(context: Context, part: Part) -> list[dict[str, Any]]:
    if part.name == "router":
        return [DNS, {"ports": SERVING, "to": [parts(context, "NotIn", "router")]}]
    if part.provider is not None and part.provider.type == "Echo":
        return []
    return [DNS, {"to": [ANY_POD, *outside(context, part)]}]
