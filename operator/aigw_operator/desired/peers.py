# SPDX-License-Identifier: Apache-2.0
"""The ends of the arrows in `networkpolicy`."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal

from aigw_contract.peers import LINK_LOCAL, METADATA_SERVERS
from aigw_operator.desired.context import METRICS_PORT, PORT, Context, Part

OPERATOR = "ai-gateway-operator"  # the app.kubernetes.io/name of the operator's own pods
Network = IPv4Network | IPv6Network

SERVING = [{"port": PORT, "protocol": "TCP"}]
METRICS = [{"port": METRICS_PORT, "protocol": "TCP"}]
ANY_POD: dict[str, Any] = {"namespaceSelector": {}}
DNS: dict[str, Any] = {
    # 5353: the pods of OpenShift's DNS; policies see the port behind the Service
    "ports": [{"port": port, "protocol": protocol} for port in (53, 5353) for protocol in ("UDP", "TCP")],
    # the cluster's DNS pods wherever they are, and a cache on the node, which has a link-local address
    "to": [ANY_POD, {"ipBlock": {"cidr": LINK_LOCAL}}],
}


def parts(context: Context, operator: Literal["In", "NotIn"], part: str) -> dict[str, Any]:
    """Pods of this gateway. `NotIn`: a provider that is added changes no policy but its own."""
    expression = {"key": "app.kubernetes.io/component", "operator": operator, "values": [part]}
    return {"podSelector": {"matchLabels": context.everything(), "matchExpressions": [expression]}}


def operator(context: Context) -> dict[str, Any]:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": context.operator_namespace}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": OPERATOR}},
    }


def callers(context: Context) -> list[dict[str, Any]]:
    """Who may call the router; empty means anyone.

    Behind a NodePort, a load balancer or an Ingress the sender's address can be a node's or a client's, and no selector
    matches those. There anyone may call, unless an Ingress' namespace is among the callers that are named.
    """
    spec = context.gateway.spec
    named = [{"namespaceSelector": {"matchLabels": dict(labels)}} for labels in spec.network.callers]
    if spec.expose.service_type != "ClusterIP":
        return []
    if named or spec.expose.ingress or spec.expose.http_route:
        return named
    return [ANY_POD]


def outside(context: Context, part: Part) -> list[dict[str, Any]]:
    """Addresses outside the cluster; a cloud's metadata server only for VertexAI without a key."""
    asked = part.provider is not None and part.provider.type == "VertexAI" and not part.provider.credentials
    metadata = [{"ipBlock": {"cidr": LINK_LOCAL}}] if asked else []
    return metadata + [_block(cidr) for cidr in context.gateway.spec.network.provider_egress]


def _block(cidr: str) -> dict[str, Any]:
    """Who names a metadata server itself means it; who names what is around it does not."""
    network = ip_network(cidr, strict=False)
    hidden = [server for server in METADATA_SERVERS if _within(ip_network(server), network)]
    return {"ipBlock": {"cidr": cidr, **({"except": hidden} if hidden else {})}}


def _within(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner != outer and inner.subnet_of(outer)  # type: ignore[arg-type]
