# SPDX-License-Identifier: Apache-2.0
"""An Ingress to the router, where the gateway asks for one.

The annotations are for nginx: streams go through unbuffered, may be silent for five minutes, and a body may be as large
as the gateway takes. Annotations of the gateway win over them.
"""

from typing import Any

from aigw_operator.desired.context import PORT, Context

NGINX = "nginx.ingress.kubernetes.io"
READ_SECONDS = "300"


def build(context: Context) -> dict[str, Any] | None:
    wanted = context.gateway.spec.expose.ingress
    if wanted is None:
        return None
    backend = {"service": {"name": context.object_name("router"), "port": {"number": PORT}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    secret = wanted.tls_secret_name
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": context.metadata("router", annotations=_for_streams(context) | wanted.annotations),
        "spec": {
            **({"ingressClassName": wanted.class_name} if wanted.class_name else {}),
            **({"tls": [{"hosts": [wanted.host], "secretName": secret}]} if secret else {}),
            "rules": [{"host": wanted.host, "http": {"paths": [path]}}],
        },
    }


def _for_streams(context: Context) -> dict[str, str]:
    return {
        f"{NGINX}/proxy-buffering": "off",
        f"{NGINX}/proxy-request-buffering": "off",
        f"{NGINX}/proxy-read-timeout": READ_SECONDS,
        f"{NGINX}/proxy-send-timeout": READ_SECONDS,
        f"{NGINX}/proxy-body-size": str(context.gateway.spec.limits.max_body_bytes),
    }
