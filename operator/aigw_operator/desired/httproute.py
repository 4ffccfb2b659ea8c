# SPDX-License-Identifier: Apache-2.0
"""An HTTPRoute of the Gateway API to the router, where the gateway asks for one."""

from typing import Any

from aigw_contract.exposure import ParentRef
from aigw_operator.desired.context import PORT, Context


def build(context: Context) -> dict[str, Any] | None:
    wanted = context.gateway.spec.expose.http_route
    if wanted is None:
        return None
    backend = {"group": "", "kind": "Service", "name": context.object_name("router"), "port": PORT, "weight": 1}
    everything = {"path": {"type": "PathPrefix", "value": "/"}}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": context.metadata("router"),
        "spec": {
            "parentRefs": [_parent(ref) for ref in wanted.parent_refs],
            **({"hostnames": list(wanted.hostnames)} if wanted.hostnames else {}),
            # 0s: no limit of the proxy on a whole answer, which may be a long stream; deadlines are the gateway's
            "rules": [{"matches": [everything], "backendRefs": [backend], "timeouts": {"request": "0s"}}],
        },
    }


def _parent(reference: ParentRef) -> dict[str, Any]:
    named = {"namespace": reference.namespace, "sectionName": reference.section_name}
    given = {key: value for key, value in named.items() if value}
    return {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": reference.name, **given}
