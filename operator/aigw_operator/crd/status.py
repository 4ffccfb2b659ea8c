# SPDX-License-Identifier: Apache-2.0
"""The status that the operator writes (see `aigw_operator.status`), and the columns of `kubectl get`."""

from typing import Any

Schema = dict[str, Any]


def _field(kind: str, description: str, **more: Any) -> Schema:
    return {"type": kind, "description": description, **more}


def _list(description: str, items: Schema, key: str = "") -> Schema:
    named = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]} if key else {}
    return {"type": "array", "description": description, "items": items, **named}


def _time(description: str) -> Schema:
    return _field("string", description, format="date-time")


def _generation(description: str) -> Schema:
    return _field("integer", description, format="int64", minimum=0)


CONDITION = {
    "type": "object",
    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
    "properties": {
        "type": _field("string", "Accepted, Progressing, Serving or Degraded.", maxLength=316),
        "status": _field("string", "Whether it holds.", enum=["True", "False", "Unknown"]),
        "reason": _field("string", "Why, in one stable word.", maxLength=1024),
        "message": _field("string", "Why, for people.", maxLength=32768),
        "observedGeneration": _generation("The generation that this speaks of."),
        "lastTransitionTime": _time("When the status became what it is."),
    },
}

PROVIDER = {
    "type": "object",
    "required": ["name", "ready"],
    "properties": {
        "name": _field("string", "Name of the provider.", maxLength=63),
        "ready": _field("boolean", "It answers the router and has the credential that it needs."),
        "lastSuccess": _time("When a request to the AI provider last succeeded, to within minutes."),
        "lastError": _field("string", "The kind of the last failure, such as auth, rate_limited or timeout."),
        "lastErrorTime": _time("When that was."),
        "credentialSince": _time("Since when the credential in use is in use."),
    },
}

STATUS = {
    "type": "object",
    "description": "What it is, as the operator found it.",
    "properties": {
        "observedGeneration": _generation("The generation that the operator has seen."),
        "appliedGeneration": _generation("The last generation that could be applied."),
        "servingGeneration": _generation("The last generation that a synthetic request was seen to pass through."),
        "url": _field("string", "Where the router is reached inside the cluster."),
        "conditions": _list(
            "Accepted: the spec can be used. Progressing: pods are on their way. Serving: a synthetic request went "
            "router, auth, providers and back on pods that acknowledged the generation. Degraded: something is wrong.",
            CONDITION,
            "type",
        ),
        "providers": _list("What each provider service says of itself.", PROVIDER, "name"),
        "warnings": _list("What is no fault, but may surprise.", {"type": "string"}),
    },
}

COLUMNS = [
    {"name": "Deployment", "type": "string", "jsonPath": ".spec.deployment", "description": "Whom it serves."},
    {"name": "Region", "type": "string", "jsonPath": ".spec.region", "description": "Where it stands."},
    {
        "name": "Serving",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Serving")].status',
        "description": "A synthetic request went through.",
    },
    {
        "name": "Generation",
        "type": "integer",
        "jsonPath": ".status.servingGeneration",
        "description": "The last generation that was seen to serve.",
    },
    {
        "name": "Degraded",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Degraded")].status',
        "description": "Something is wrong; see the conditions.",
    },
    {"name": "URL", "type": "string", "jsonPath": ".status.url", "description": "Inside the cluster.", "priority": 1},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]
