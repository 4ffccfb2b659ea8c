# SPDX-License-Identifier: Apache-2.0
"""Where a part is reached. Only the router's can be of another type than ClusterIP."""

from typing import Any

from aigw_operator.desired.context import PORT, Context, Part


def build(context: Context, part: Part) -> dict[str, Any] | None:
    scheme = "http" if part.name == "router" else "https"
    port = {"name": scheme, "port": PORT, "targetPort": "serving", "protocol": "TCP", "appProtocol": scheme}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": context.metadata(part.name),
        "spec": {
            "type": context.gateway.spec.expose.service_type if part.name == "router" else "ClusterIP",
            "selector": context.selector(part.name),
            "ports": [port],
        },
    }
