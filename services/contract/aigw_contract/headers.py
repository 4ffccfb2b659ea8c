# SPDX-License-Identifier: Apache-2.0
"""Names of the headers that the parts act on, lower-case bytes as ASGI carries them."""

AUTHORIZATION = b"authorization"
AUTHENTICATION_TYPE = b"x-gitlab-authentication-type"
REALM = b"x-gitlab-realm"
INSTANCE_ID = b"x-gitlab-instance-id"
GLOBAL_USER_ID = b"x-gitlab-global-user-id"

REQUEST_ID = b"x-request-id"
TRACEPARENT = b"traceparent"
TRACESTATE = b"tracestate"

DEADLINE_MS = b"x-aigw-deadline-ms"
"""Milliseconds that are left for the whole request, as the sender of the header saw it."""

INTERNAL_KEY = b"x-aigw-internal-key"
"""The gateway's own credential: services answer only callers that carry it."""

TRUNK = b"x-aigw-trunk"
"""Asking: `name.number.token,token`: who asks, the stream's number, the trunks that its body may come over. Answering:
the token of the one that it does come over, or `offered`. Laying a trunk: `name.token`."""
