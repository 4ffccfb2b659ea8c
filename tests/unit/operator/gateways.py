# SPDX-License-Identifier: Apache-2.0
"""Gateways for the builders' tests: the documentation's object, or it with one place changed."""

from typing import Any

from aigw_contract.checks import check
from aigw_operator.desired.context import Context
from aigw_operator.desired.objects import objects
from unit.contract.good import GOOD, set_at

Object = dict[str, Any]


def context(path: str = "", value: Any = None, **facts: Any) -> Context:
    """Of the good gateway, with `value` at `path` below its spec, or in place of it."""
    gateway, faults = check(set_at(f"spec/{path}".rstrip("/"), value) if path or value else GOOD)
    assert gateway is not None
    assert not faults, [str(fault) for fault in faults]
    return Context(gateway, **facts)


def made(path: str = "", value: Any = None, **facts: Any) -> dict[tuple[str, str], Object]:
    """Everything for that gateway, by kind and name without the gateway's."""
    found = objects(context(path, value, **facts))
    return {(o["kind"], o["metadata"]["name"].removeprefix("eu-")): o for o in found}


def pods(found: dict[tuple[str, str], Object]) -> dict[str, Object]:
    """Part -> pod template."""
    return {name: body["spec"]["template"] for (kind, name), body in found.items() if kind == "Deployment"}
