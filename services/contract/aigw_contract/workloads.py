# SPDX-License-Identifier: Apache-2.0
"""The part of the AIGateway object that only matters in a cluster: images, replicas, how to reach it, whom to let in.

On one machine these fields are read and have no effect, so that one manifest serves both.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from aigw_contract.shape import Name, Spec

Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|Ki|Mi|Gi)?$")]
"""A Kubernetes quantity: 250m, 1, 128Mi."""
LabelName = Annotated[str, StringConstraints(min_length=1, max_length=317)]
Cidr = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$")]
Host = Annotated[str, StringConstraints(min_length=1, max_length=253)]


class SecretKeyRef(Spec):
    """One key of a Secret in the gateway's namespace."""

    name: Name
    key: str = Field(min_length=1)


class ConfigMapKeyRef(Spec):
    """One key of a ConfigMap in the gateway's namespace."""

    name: Name
    key: str = Field("ca.crt", min_length=1)


class Images(Spec):
    """Where images come from; by default where the operator's own does. The service's name is appended."""

    prefix: str | None = Field(None, description="Such as registry.example.com/ai-gateway/aigw-; `router` is appended.")
    tag: str | None = Field(None, description="By default the operator's own version.")
    digests: dict[Literal["router", "auth", "providers"], str] = Field({}, description="sha256:…, in place of the tag.")
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    pull_secrets: list[Name] = []


class Resources(Spec):
    """Requests and limits of one container, as Kubernetes has them."""

    requests: dict[Literal["cpu", "memory"], Quantity] = {"cpu": "100m", "memory": "128Mi"}
    limits: dict[Literal["cpu", "memory"], Quantity] = {"memory": "512Mi"}


class Autoscaling(Spec):
    """Replicas by CPU, in place of a fixed number."""

    min_replicas: int = Field(2, ge=1)
    max_replicas: int = Field(10, ge=1)
    target_cpu_percent: int = Field(70, ge=1, le=100)


class Workload(Spec):
    """How one kind of service runs."""

    replicas: int = Field(2, ge=0, description="Without autoscaling.")
    autoscaling: Autoscaling | None = None
    resources: Resources = Resources()
    node_selector: dict[str, str] = {}
    annotations: dict[str, str] = Field({}, description="Added to the pods.")


class Workloads(Spec):
    """`providers` holds for each provider service."""

    router: Workload = Workload()
    auth: Workload = Workload()
    providers: Workload = Workload()


class Ingress(Spec):
    """An Ingress to the router."""

    class_name: str | None = None
    host: Host
    tls_secret_name: Name | None = None
    annotations: dict[str, str] = Field({}, description="Beside those that keep streams from being buffered.")


class ParentRef(Spec):
    """The Gateway (of the Gateway API) that a route is attached to."""

    name: Name
    namespace: Name | None = None
    section_name: str | None = None


class HttpRoute(Spec):
    """An HTTPRoute of the Gateway API to the router."""

    hostnames: list[Host] = []
    parent_refs: list[ParentRef] = Field(min_length=1)


class Expose(Spec):
    """How the router is reached from outside the cluster. Inside it always has a Service."""

    service_type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    ingress: Ingress | None = None
    http_route: HttpRoute | None = None


class Network(Spec):
    """NetworkPolicies: deny by default, with only the arrows of the picture."""

    policies: bool = True
    callers: list[dict[str, str]] = Field(
        [], description="Label sets of namespaces whose pods may call the router; empty means any pod of the cluster."
    )
    provider_egress: list[Cidr] = Field(
        ["0.0.0.0/0", "::/0"], description="Where providers and auth may connect to outside the cluster."
    )


class EgressProxy(Spec):
    """An HTTP proxy that providers and auth use on their way out."""

    url: str = Field(pattern=r"^http://[^/]+/?$")
    no_proxy: list[str] = []


class Trust(Spec):
    """Authorities of your own, beside the public ones, for what providers and auth connect to."""

    ca_bundle: ConfigMapKeyRef


class Keys(Spec):
    """Keys of your own, in place of those that the operator makes once and never overwrites."""

    internal: SecretKeyRef | None = Field(None, description="The credential between services, 16 characters or more.")
    signing: SecretKeyRef | None = Field(None, description="RSA private key (PEM) that signs user tokens.")
    validation: SecretKeyRef | None = Field(
        None, description="The signing key before it, whose tokens are still taken."
    )


class Monitoring(Spec):
    """A PodMonitor, if the cluster has that kind."""

    pod_monitor: bool = True
    labels: dict[str, str] = Field({}, description="Labels that your Prometheus selects by.")
