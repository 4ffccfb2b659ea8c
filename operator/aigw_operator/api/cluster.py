# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes API, as far as the operator needs it: read, apply, delete, status, events.

Over the official client's connection handling (kubeconfig, service account, TLS, token renewal), with plain JSON in and
out: its typed models would only be turned back into what the builders make.
"""

import json
from collections.abc import Iterator
from typing import Any

from kubernetes import client, config

from aigw_operator import metrics
from aigw_operator.api.tls import as_kubectl
from aigw_operator.desired.context import MANAGER
from aigw_operator.kinds import CHILDREN, EVENT, Key, Kind, Object

FIELD_MANAGER = "aigw-operator"
TIMEOUT = (5.0, 30.0)  # seconds to connect, and to answer
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
PAGE = "500"  # objects of a list that are in memory at a time, at both ends
METHODS = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "update": "PUT", "delete": "DELETE"}
"""As roles name what is done -> as HTTP does."""
NOT_FOUND, CONFLICT = 404, 409


class Conflict(Exception):
    """Somebody else changed the object in between."""


class Refused(Exception):
    """The API server understood and said no; the message is its own."""


class Cluster:
    """Raises Refused for objects that the API server does not accept; anything else that goes wrong is its to raise."""

    def __init__(self, api: client.ApiClient | None = None) -> None:
        """As `api` is logged in; without, as a pod or as the kubeconfig says."""
        self._api = as_kubectl(api or _logged_in())

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self._call("get", kind, namespace, name, missing=True)

    def find(
        self, kind: Kind, namespace: str, selector: str = "", name: str = "", *, recent: bool = False
    ) -> list[Object]:
        """Objects of a kind, by labels or by name; none if the cluster does not have the kind.

        `recent`: as the API server remembers them, without asking its store whether that is the newest.
        """
        query = [("labelSelector", selector)] if selector else []
        query += [("fieldSelector", f"metadata.name={name}")] if name else []
        query += [("resourceVersion", "0")] if recent else []
        pages = self._pages(kind, namespace, query)
        return [item | {"apiVersion": kind.api_version, "kind": kind.kind} for item in pages]

    def belongings(self, key: Key) -> list[Object]:
        """What a gateway has."""
        selector = f"app.kubernetes.io/instance={key.name},app.kubernetes.io/managed-by={MANAGER}"
        return [body for kind in CHILDREN for body in self.find(kind, key.namespace, selector)]

    def has(self, kind: Kind) -> bool:
        """Asked of the API's own directory, which everybody may read."""
        found = self._send("get", "", f"/apis/{kind.api_version}", missing=True) or {}
        return any(resource["name"] == kind.plural for resource in found.get("resources", []))

    def apply(self, kind: Kind, body: Object, manager: str = FIELD_MANAGER) -> Object:
        """Server-side apply: what we state is ours, what we stated before and state no more goes."""
        metadata = body["metadata"]
        query = [("fieldManager", manager), ("force", "true")]
        place = (kind, metadata.get("namespace", ""), metadata["name"])
        applied = self._call("patch", *place, body=body, query=query, content_type=APPLY)
        assert applied is not None  # noqa: S101 - only a GET may find nothing
        return applied

    def overwrite(self, kind: Kind, body: Object) -> Object:
        """Merge patch: lists become exactly ours. Server-side apply leaves what somebody else added to a list."""
        metadata = body["metadata"]
        place = (kind, metadata.get("namespace", ""), metadata["name"])
        written = self._call("patch", *place, body=body, query=[("fieldManager", FIELD_MANAGER)], content_type=MERGE)
        assert written is not None  # noqa: S101 - only a GET may find nothing
        return written

    def annotate(self, kind: Kind, namespace: str, name: str, annotations: dict[str, str]) -> None:
        """Beside the annotations that it has. An object that is gone needs none."""
        body = {"metadata": {"annotations": annotations}}
        query = [("fieldManager", FIELD_MANAGER)]
        self._call("patch", kind, namespace, name, body=body, query=query, content_type=MERGE, missing=True)

    def create(self, kind: Kind, body: Object) -> None:
        """Raises Conflict if it exists."""
        self._call("create", kind, body["metadata"].get("namespace", ""), body=body)

    def replace(self, kind: Kind, body: Object) -> None:
        """Raises Conflict if it is not what it was when it was read."""
        metadata = body["metadata"]
        self._call("update", kind, metadata.get("namespace", ""), metadata["name"], body=body)

    def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, with_pods: bool = False) -> None:
        """Raises Conflict if the name is another object's by now. `with_pods`: it is there until they have ended."""
        policy = "Foreground" if with_pods else "Background"
        options = {"propagationPolicy": policy, "preconditions": {"uid": uid}}
        self._call("delete", kind, namespace, name, body=options, missing=True)

    def patch_status(self, kind: Kind, namespace: str, name: str, status: Object) -> None:
        body, path = {"status": status}, f"{kind.path(namespace, name)}/status"
        self._send("patch", f"{kind.plural}/status", path, body=body, content_type=MERGE, missing=True)

    def event(self, about: Object, reason: str, message: str, *, warning: bool, now: str) -> None:
        metadata = about["metadata"]
        self._call("create", EVENT, metadata["namespace"], body={
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": about["apiVersion"], "kind": about["kind"], "name": metadata["name"],
                "namespace": metadata["namespace"], "uid": metadata["uid"],
            },
            "reason": reason, "message": message[:1000], "type": "Warning" if warning else "Normal",
            "firstTimestamp": now, "lastTimestamp": now, "count": 1,
            "reportingComponent": FIELD_MANAGER, "source": {"component": FIELD_MANAGER},
        })  # fmt: skip

    def _pages(self, kind: Kind, namespace: str, query: list[tuple[str, str]]) -> Iterator[Object]:
        rest = ""
        while True:
            more = [("limit", PAGE), *([("continue", rest)] if rest else [])]
            found = self._call("list", kind, namespace, query=[*query, *more], missing=True) or {}
            yield from found.get("items", [])
            rest = found.get("metadata", {}).get("continue", "")
            if not rest:
                return

    def _call(self, verb: str, kind: Kind, namespace: str, name: str = "", **more: Any) -> Object | None:
        return self._send(verb, kind.plural, kind.path(namespace, name), **more)

    def _send(
        self,
        verb: str,
        resource: str,
        path: str,
        *,
        body: Object | None = None,
        query: list[tuple[str, str]] | None = None,
        content_type: str = "application/json",
        missing: bool = False,
    ) -> Object | None:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        request = self._api.param_serialize(
            METHODS[verb],
            path,
            query_params=query or [],
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = self._api.call_api(*request, _request_timeout=TIMEOUT)
        content = answer.read()  # type: ignore[no-untyped-call]
        metrics.CALLS.labels(verb, resource, str(answer.status)).inc()
        if 200 <= answer.status < 300:
            found: Object = json.loads(content)
            return found
        if answer.status == NOT_FOUND and missing:
            return None
        raise _error(answer.status, content)


def _logged_in() -> client.ApiClient:
    try:
        config.load_incluster_config()  # type: ignore[no-untyped-call]
    except config.ConfigException:
        config.load_kube_config()  # type: ignore[no-untyped-call]
    return client.ApiClient()


def _error(status: int, content: bytes) -> Exception:
    message = _message(content) or f"the API server answered {status}"
    if status == CONFLICT:
        return Conflict(message)
    return Refused(message) if status in (400, 403, 404, 422) else OSError(message)


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["message"])
    except (TypeError, ValueError, KeyError):
        return ""
