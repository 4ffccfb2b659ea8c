# SPDX-License-Identifier: Apache-2.0
"""What an edit would change: what should exist, beside what is there. Pure.

`reconcile` acts on the same lists (`wanted`) by the same question (`drift.is_there`), so a plan is what it will do. No
value of a Secret is in a Plan.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aigw_operator.desired.context import MANAGER, Context
from aigw_operator.drift import STAMP, is_there, stamped
from aigw_operator.kinds import CONFIG_MAP, SECRET, Named, Object
from aigw_operator.planning.differences import Change, below, edited, stated
from aigw_operator.planning.effects import Effect, effects, stopped
from aigw_operator.planning.ownership import dropped
from aigw_operator.wanted import LAST_GOOD, left_over, named

HIDDEN = "(secret)"
NOTES = (below("metadata.annotations", STAMP), "metadata.managedFields")
_USER = re.compile(r"//[^/@\s]*@")


class Changed(NamedTuple):
    """No changes: it is written again because the operator states it anew, and stays what it is."""

    kind: str
    name: str
    changes: list[Change]


class Plan(NamedTuple):
    created: list[Named]
    changed: list[Changed]
    deleted: list[Named]
    unchanged: int
    effects: list[Effect]

    @property
    def empty(self) -> bool:
        return not (self.created or self.changed or self.deleted)


def plan(context: Context, made: Sequence[Object], live: Mapping[Named, Object]) -> Plan:
    """`made`: all that should exist, from `wanted`. `live`: what the gateway has."""
    wanted = {named(body): stamped(body) for body in made}
    created = [name for name in wanted if name not in live]
    differs = [name for name in wanted if name in live and not is_there(wanted[name], live[name])]
    changed = [Changed(*name, changes(context, wanted[name], live[name])) for name in differs]
    deleted = left_over(context, made, live)
    by_name = {(kind, name): found for kind, name, found in changed}
    pods = [*effects(context, wanted, created, by_name), *stopped(live, deleted)]
    return Plan(created, changed, deleted, len(wanted) - len(created) - len(changed), pods)


def changes(context: Context, wanted: Object, live: Object) -> list[Change]:
    """Of one object, as people may see them. What the operator notes for itself is not among them."""
    if named(wanted) == (CONFIG_MAP.kind, context.object_name(LAST_GOOD)):
        return []
    found = {change.path: change for change in (*stated(wanted, live), *dropped(wanted, live, MANAGER))}
    secret = wanted["kind"] == SECRET.kind
    return [shown(change, hide=secret and change.path != "type") for path, change in found.items() if path not in NOTES]


def spec_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Of the AIGateway itself, both with their defaults."""
    return [shown(change) for change in edited(old, new, "spec")]


def shown(change: Change, *, hide: bool = False) -> Change:
    """Without what nobody should read: values of Secrets, and a user's name and password in an address."""
    old, new = (HIDDEN if hide and value is not None else _without_user(value) for value in change[1:])
    return Change(change.path, old, new)


def _without_user(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_user(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_user(inner) for inner in value]
    return _USER.sub(f"//{HIDDEN}@", value) if isinstance(value, str) else value
