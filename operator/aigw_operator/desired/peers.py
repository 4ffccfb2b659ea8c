# SPDX-License-Identifier: Apache-2.0
"""The ends of the arrows in `networkpolicy`."""

from ipaddress import ip_network
from typing import Any, Literal

from aigw_operator.desired.context import METRICS_PORT, PORT, Context, Part

OPERATOR = "ai-gateway-operator"  # the app.kubernetes.io/name of the operator's own pods
METADATA_SERVER = "169.254.169.254/32"  # of a cloud: hands out the node's credentials to whoever asks

SERVING = [{"port": PORT, "protocol": "TCP"}]
METRICS = [{"port": METRICS_PORT, "protocol": "TCP"}]
ANY_POD: dict[str, Any] = {"namespaceSelector": {}}
DNS: dict[str, Any] = {
    # 5353: the pods of OpenShift's DNS; policies see the port behind the Service
    "ports": [{"port": port, "protocol": protocol} for port in (53, 5353) for protocol in ("UDP", "TCP")],
    # the cluster's DNS pods wherever they are, and a cache on the node, which has a link-local address
    "to": [ANY_POD, {"ipBlock": {"cidr": "169.254.0.0/16"}}],
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
    """Addresses outside the cluster. Only VertexAI may ask the cloud's metadata server: its credential can be there."""
    wants_metadata = part.provider is not None and part.provider.type == "VertexAI"
    return [_block(cidr, wants_metadata) for cidr in context.gateway.spec.network.provider_egress]


def _block(cidr: str, wants_metadata: bool) -> dict[str, Any]:
    network, metadata = ip_network(cidr, strict=False), ip_network(METADATA_SERVER)
    inside = network.version == metadata.version and network != metadata and metadata.subnet_of(network)  # type: ignore[arg-type]
    hidden = {"except": [METADATA_SERVER]} if inside and not wants_metadata else {}
    return {"ipBlock": {"cidr": cidr, **hidden}}
