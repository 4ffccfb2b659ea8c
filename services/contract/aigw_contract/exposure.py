# SPDX-License-Identifier: Apache-2.0
"""The part of the AIGateway object that says how a gateway is reached in a cluster, and what it may reach."""

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from aigw_contract.shape import Label, ObjectName, Spec, Text
from aigw_contract.workloads import AnnotationValue, ConfigMapKeyRef, LabelValue

Host = Annotated[str, StringConstraints(min_length=1, max_length=253)]


def _network(cidr: str) -> str:
    """Raises ValueError for what looks like a network and is none."""
    ip_network(cidr, strict=False)
    return cidr


Cidr = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$", max_length=43), AfterValidator(_network)
]


class Ingress(Spec):
    """An Ingress to the router."""

    class_name: Text | None = Field(None, description="The IngressClass; by default the cluster's default.")
    host: Host = Field(description="The name that callers use.")
    tls_secret_name: ObjectName | None = Field(None, description="Secret with the certificate for the host.")
    annotations: dict[Text, AnnotationValue] = Field(
        {}, max_length=64, description="Beside those that keep streams from being buffered, and before them."
    )


class ParentRef(Spec):
    """The Gateway (of the Gateway API) that a route is attached to."""

    name: ObjectName = Field(description="Name of the Gateway.")
    namespace: Label | None = Field(None, description="Its namespace, if it is another one.")
    section_name: Text | None = Field(None, description="One of its listeners; by default all that fit.")


class HttpRoute(Spec):
    """An HTTPRoute of the Gateway API to the router."""

    hostnames: list[Host] = Field([], max_length=16, description="Names that callers use; empty means the listener's.")
    parent_refs: list[ParentRef] = Field(min_length=1, max_length=16, description="Gateways to attach to.")


class Expose(Spec):
    """How the router is reached from outside the cluster. Inside it always has a Service."""

    service_type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(
        "ClusterIP", description="Type of the router's Service."
    )
    ingress: Ingress | None = Field(None, description="An Ingress to the router.")
    http_route: HttpRoute | None = Field(None, description="An HTTPRoute of the Gateway API to the router.")


class Network(Spec):
    """NetworkPolicies: deny by default, with only the arrows of the picture."""

    policies: bool = Field(True, description="Make them. Without, any pod of the cluster reaches any part.")
    callers: list[dict[Text, LabelValue]] = Field(
        [],
        max_length=32,
        description="Label sets of namespaces whose pods may call the router, an Ingress controller's among them. "
        "Empty: any pod of the cluster, and with an Ingress or HTTPRoute anyone.",
    )
    provider_egress: list[Cidr] = Field(
        ["0.0.0.0/0", "::/0"],
        max_length=64,
        description="Where providers and auth may connect to outside the cluster; its pods they reach anyway.",
    )


class EgressProxy(Spec):
    """An HTTP proxy that providers and auth use on their way out."""

    url: Annotated[str, StringConstraints(pattern=r"^http://[^/\s]+/?$", max_length=2083)] = Field(
        description="Such as http://proxy.example.com:3128. What is in it is no secret."
    )
    no_proxy: list[Host] = Field(
        [],
        max_length=64,
        description="Hosts reached directly, as in NO_PROXY. Services of the cluster always are.",
    )


class Trust(Spec):
    """Authorities of your own, beside the public ones, for what providers and auth connect to."""

    ca_bundle: ConfigMapKeyRef = Field(description="PEM certificates in a ConfigMap.")
