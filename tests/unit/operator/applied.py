# SPDX-License-Identifier: Apache-2.0
"""What a cluster has after the operator applied a gateway: with what the API server adds, and who owns which field."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aigw_operator.api.cluster import FIELD_MANAGER, Refused
from aigw_operator.desired.context import Context
from aigw_operator.drift import stamped
from aigw_operator.kinds import Kind, Named, Object
from aigw_operator.wanted import everything, named
from unit.operator.gateways import context

NOW = datetime.now(UTC)  # `reconcile` looks at the clock, and certificates end
UID = "4b0d"


@cache
def _secrets() -> tuple[Object, ...]:
    """Keys are slow to make, so all gateways of these tests have the same."""
    known = context("providers/2", {"name": "openai", "type": "OpenAI"}, uid=UID)
    return tuple(body for body in everything(known, {}, NOW) if body["kind"] == "Secret")


def wanted(known: Context, live: dict[Named, Object] | None = None) -> list[Object]:
    found = {named(body): body for body in _secrets()} | (live or {})
    return everything(known, found, NOW)


def applied(path: str = "", value: Any = None, **facts: Any) -> dict[Named, Object]:
    """By kind and name; of the good gateway, with `value` at `path`."""
    return applied_beside(context(path, value, uid=UID, **facts))


def applied_beside(known: Context, *live: Object) -> dict[Named, Object]:
    """By kind and name; where `live`, such as Secrets, was there before."""
    return {named(body): _stored(body) for body in wanted(known, {named(body): body for body in live})}


def _stored(body: Object) -> Object:
    whole: Object = json.loads(json.dumps(stamped(body)))
    fields = {key: value for key, value in whole.items() if key not in ("apiVersion", "kind")}
    entry = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": owned(fields)}
    whole["metadata"] |= {"uid": "9f", "resourceVersion": "7", "managedFields": [entry]}
    return whole | {"status": {}}


def owned(body: Any) -> dict[str, Any]:
    """FieldsV1 of a body: items that have a name are known by it; other lists are owned as a whole."""
    if isinstance(body, dict):
        return {f"f:{key}": owned(value) for key, value in body.items()}
    if isinstance(body, list) and body and all(isinstance(item, dict) and "name" in item for item in body):
        return {f"k:{json.dumps({'name': item['name']})}": {".": {}, **owned(item)} for item in body}
    return {}


def selected(bodies: Iterable[Object], kind: Kind, namespace: str, name: str, selector: str) -> list[Object]:
    """As the API server selects: an empty namespace, name or selector takes all."""
    labels = [label.split("=") for label in selector.split(",") if label]
    return [
        body for body in bodies
        if body["kind"] == kind.kind
        and namespace in ("", body["metadata"]["namespace"])
        and name in ("", body["metadata"]["name"])
        and all(body["metadata"].get("labels", {}).get(key) == value for key, value in labels)
    ]  # fmt: skip


class FakeCluster:
    """Answers as the API server does, from memory, and remembers what was written."""

    def __init__(self, *bodies: Object, kinds: tuple[str, ...] = ("AIGateway",), hidden: tuple[str, ...] = ()) -> None:
        self.bodies = list(bodies)
        self.kinds = kinds
        self.hidden = hidden
        self.written: list[tuple[str, Named]] = []
        self.handed_over: list[Object] = []  # what is stated in another name, so that it stays

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        found = self.find(kind, namespace, name=name)
        return found[0] if found else None

    def find(self, kind: Kind, namespace: str, selector: str = "", name: str = "") -> list[Object]:
        if kind.kind in self.hidden:
            raise Refused(f"{kind.plural} is forbidden")
        return selected(self.bodies, kind, namespace, name, selector)

    def has(self, kind: Kind) -> bool:
        return kind.kind in self.kinds

    def apply(self, _: Kind, body: Object, manager: str = FIELD_MANAGER) -> Object:
        if manager == FIELD_MANAGER:
            self.written.append(("apply", named(body)))
        else:
            self.handed_over.append(body)
        return body

    def delete(self, kind: Kind, _: str, name: str, *__: Any) -> None:
        self.written.append(("delete", (kind.kind, name)))
