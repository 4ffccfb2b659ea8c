# SPDX-License-Identifier: Apache-2.0
"""The kinds that the operator makes, and the paths at which the API serves them."""

from typing import Any, NamedTuple

Object = dict[str, Any]
"""As the API has it, in JSON."""
Named = tuple[str, str]
"""Kind and name."""


class Key(NamedTuple):
    """Of a gateway."""

    namespace: str
    name: str


class Kind(NamedTuple):
    api_version: str
    kind: str
    plural: str
    optional: bool = False  # the cluster may not have it

    def path(self, namespace: str, name: str = "") -> str:
        group = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        within = f"/namespaces/{namespace}" if namespace else ""
        return f"{group}{within}/{self.plural}{f'/{name}' if name else ''}"


GATEWAY = Kind("aigateway.dev/v1alpha1", "AIGateway", "aigateways")
CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions")
EVENT = Kind("v1", "Event", "events")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
POD = Kind("v1", "Pod", "pods")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SECRET = Kind("v1", "Secret", "secrets")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
POD_MONITOR = Kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors", optional=True)

CHILDREN = (
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    SECRET,
    CONFIG_MAP,
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("v1", "Service", "services"),
    DEPLOYMENT,
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    AUTOSCALER,
    Kind("networking.k8s.io/v1", "Ingress", "ingresses"),
    Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", optional=True),
    POD_MONITOR,
)

_BY_NAME = {(kind.api_version, kind.kind): kind for kind in CHILDREN}


def kind_of(body: Object) -> Kind:
    """The kind of an object that a builder made."""
    return _BY_NAME[body["apiVersion"], body["kind"]]
