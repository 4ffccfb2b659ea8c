# SPDX-License-Identifier: Apache-2.0
"""What builders know: the gateway, its parts, and the few facts of the cluster that matter. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from aigw_contract.gateway import AIGateway, Provider
from aigw_contract.workloads import Workload
from aigw_operator.lives import USUAL, Lives

PORT = 5052
METRICS_PORT = 8082
MANAGER = "aigw-operator"

Image = Literal["router", "auth", "providers"]


class Part(NamedTuple):
    """One service of a gateway: its Deployment, Service and so on share the name `<gateway>-<part>`."""

    name: str  # router, auth, provider-<name>
    image: Image
    workload: Workload
    provider: Provider | None = None


@dataclass(frozen=True)
class Context:
    """`uid` is empty when objects are rendered without a cluster: they have no owner then."""

    gateway: AIGateway
    uid: str = ""
    image_prefix: str = "ghcr.io/ai-gateway/aigw-"
    image_tag: str = "dev"
    pod_monitors: bool = False  # the cluster has the PodMonitor kind
    operator_namespace: str = "ai-gateway"  # its pods may probe
    cluster_domain: str = "cluster.local"
    lives: Lives = USUAL

    @property
    def name(self) -> str:
        return self.gateway.metadata.name

    @property
    def namespace(self) -> str:
        return self.gateway.metadata.namespace

    def parts(self) -> Iterator[Part]:
        workloads = self.gateway.spec.workloads
        yield Part("router", "router", workloads.router)
        yield Part("auth", "auth", workloads.auth)
        for provider in self.gateway.spec.providers:
            yield Part(f"provider-{provider.name}", "providers", workloads.providers, provider)

    def object_name(self, part: str) -> str:
        """Of everything that belongs to one part, or (`internal`, `signing`, `ca`) to the whole gateway."""
        return f"{self.name}-{part}"

    def host(self, part: str) -> str:
        """The name of a part's Service inside the cluster; its certificate has it too."""
        return f"{self.object_name(part)}.{self.namespace}.svc"

    def url(self, part: str) -> str:
        """Where other parts reach it. Only the router speaks plain HTTP: what is in front of it decides about TLS."""
        return f"{'http' if part == 'router' else 'https'}://{self.host(part)}:{PORT}"

    def provider_urls(self) -> dict[str, str]:
        return {p.name: self.url(f"provider-{p.name}") for p in self.gateway.spec.providers}

    def metadata(self, part: str, **more: Any) -> dict[str, Any]:
        """Name, namespace, labels and owner of an object that belongs to a part."""
        owner = {"ownerReferences": [self._owner()]} if self.uid else {}
        name, namespace = self.object_name(part), self.namespace
        return {"name": name, "namespace": namespace, "labels": self.labels(part), **owner, **more}

    def labels(self, part: str) -> dict[str, str]:
        return self.selector(part) | {
            "app.kubernetes.io/part-of": "ai-gateway",
            "app.kubernetes.io/managed-by": MANAGER,
        }

    def selector(self, part: str) -> dict[str, str]:
        """Never changes for the life of a Deployment."""
        return self.everything() | {"app.kubernetes.io/component": part}

    def everything(self) -> dict[str, str]:
        """Selects the pods of all parts."""
        return {"app.kubernetes.io/name": "ai-gateway", "app.kubernetes.io/instance": self.name}

    def _owner(self) -> dict[str, Any]:
        return {
            "apiVersion": self.gateway.api_version,
            "kind": self.gateway.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
