# SPDX-License-Identifier: Apache-2.0
"""The part of the AIGateway object that only matters in a cluster: images, replicas, keys, monitoring.

On one machine these fields are read and have no effect, so that one manifest serves both. Only keys that sign user
tokens are used there, if their Secret is beside the manifest. How a gateway is reached and what it may reach is in
`exposure`.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from aigw_contract.shape import ObjectName, Spec, Text

Quantity = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]*)(\.[0-9]+)?(m|k|M|G|Ki|Mi|Gi)?$", max_length=20)]
"""A Kubernetes quantity: 250m, 1, 128Mi."""
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]
LabelValue = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)]
AnnotationValue = Annotated[str, StringConstraints(max_length=4096)]


class SecretKeyRef(Spec):
    """One key of a Secret in the gateway's namespace."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: Text = Field(description="Key within the Secret.")


class ConfigMapKeyRef(Spec):
    """One key of a ConfigMap in the gateway's namespace."""

    name: ObjectName = Field(description="Name of the ConfigMap.")
    key: Text = Field("ca.crt", description="Key within the ConfigMap.")


class Images(Spec):
    """Where images come from; by default where the operator's own does. The service's name is appended."""

    prefix: Text | None = Field(
        None, description="Such as registry.example.com/ai-gateway/aigw-; `router` is appended."
    )
    tag: Text | None = Field(None, description="By default the operator's own version.")
    digests: dict[Literal["router", "auth", "providers"], Digest] = Field(
        {}, description="sha256:…, in place of the tag, for `router`, `auth` or `providers`."
    )
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field("IfNotPresent", description="When nodes pull.")
    pull_secrets: list[ObjectName] = Field([], max_length=16, description="Secrets for the registry.")


class Resources(Spec):
    """Requests and limits of one container, as Kubernetes has them."""

    requests: dict[Literal["cpu", "memory"], Quantity] = Field(
        {"cpu": "100m", "memory": "128Mi"}, description="What is set aside: `cpu`, `memory`."
    )
    limits: dict[Literal["cpu", "memory"], Quantity] = Field(
        {"memory": "512Mi"}, description="What is not exceeded: `cpu`, `memory`."
    )


class Autoscaling(Spec):
    """Replicas by CPU, in place of a fixed number."""

    min_replicas: int = Field(2, ge=1, le=1000, description="Never fewer.")
    max_replicas: int = Field(10, ge=1, le=1000, description="Never more.")
    target_cpu_percent: int = Field(70, ge=1, le=100, description="Of the CPU request, on average.")


class Workload(Spec):
    """How one kind of service runs."""

    replicas: int = Field(2, ge=0, le=1000, description="Without autoscaling.")
    autoscaling: Autoscaling | None = Field(None, description="Replicas by CPU, in place of a fixed number.")
    resources: Resources = Field(Resources(), description="Requests and limits of the container.")
    node_selector: dict[Text, LabelValue] = Field({}, max_length=32, description="Labels of nodes that may run it.")
    annotations: dict[Text, AnnotationValue] = Field({}, max_length=64, description="Added to the pods.")


class Workloads(Spec):
    """`providers` holds for each provider service."""

    router: Workload = Field(Workload(), description="The front door.")
    auth: Workload = Field(Workload(), description="The service that judges tokens.")
    providers: Workload = Field(Workload(), description="Each of the provider services.")


class Keys(Spec):
    """Keys of your own, in place of those that the operator makes once and never overwrites."""

    internal: SecretKeyRef | None = Field(None, description="The credential between services, 16 characters or more.")
    signing: SecretKeyRef | None = Field(None, description="RSA private key (PEM) that signs user tokens.")
    validation: SecretKeyRef | None = Field(
        None, description="The signing key before it, whose tokens are still taken."
    )


class Monitoring(Spec):
    """A PodMonitor, if the cluster has that kind."""

    pod_monitor: bool = Field(True, description="Make one, if the cluster has that kind.")
    labels: dict[Text, LabelValue] = Field({}, max_length=32, description="Labels that your Prometheus selects by.")
