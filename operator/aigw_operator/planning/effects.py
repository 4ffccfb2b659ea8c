# SPDX-License-Identifier: Apache-2.0
"""What the changes of objects do to pods: which restart and why, and which read what is new while they run. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from aigw_operator.desired.context import Context
from aigw_operator.desired.deployment import SETTINGS
from aigw_operator.desired.mounts import read_by
from aigw_operator.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, Named, Object
from aigw_operator.planning.differences import Change, below

TEMPLATE = "spec.template"
REVISION = below(f"{TEMPLATE}.metadata.annotations", SETTINGS)

What = Literal["starts", "stops", "restarts", "re-reads", "scales", "is not affected"]
Changes = Mapping[Named, Sequence[Change]]


class Effect(NamedTuple):
    """On the pods of one part. `because`: lines for people."""

    part: str
    what: What
    because: list[str]


def effects(
    context: Context, wanted: Mapping[Named, Object], created: Sequence[Named], changed: Changes
) -> Iterator[Effect]:
    """One for each part that the gateway should have."""
    for part in context.parts():
        name = (DEPLOYMENT.kind, context.object_name(part.name))
        if name in created:
            yield Effect(part.name, "starts", ["it is new"])
        elif name in wanted:
            settings = changed.get((CONFIG_MAP.kind, name[1]), [])
            read = [at for at in read_by(wanted[name]) if any(c.path.startswith("data") for c in changed.get(at, []))]
            yield _effect(part.name, changed.get(name, []), settings, read)


def stopped(live: Mapping[Named, Object], deleted: Iterable[Named]) -> list[Effect]:
    labels = [live[name]["metadata"]["labels"] for name in deleted if name[0] == DEPLOYMENT.kind]
    return [Effect(of["app.kubernetes.io/component"], "stops", ["it is wanted no more"]) for of in labels]


def _effect(part: str, own: Sequence[Change], settings: Sequence[Change], read: Sequence[Named]) -> Effect:
    template = [change for change in own if change.path.startswith(TEMPLATE)]
    if template:
        return Effect(part, "restarts", [line for change in template for line in _reasons(change, settings)])
    if read:
        return Effect(part, "re-reads", [_file(part, name) for name in read])
    scaled = [_scaled(change) for change in own if change.path == "spec.replicas"]
    return Effect(part, "scales", scaled) if scaled else Effect(part, "is not affected", [])


def _scaled(change: Change) -> str:
    return str(change) if change.new is not None else f"the autoscaler has it from here, beginning with {change.old}"


def _reasons(change: Change, settings: Sequence[Change]) -> list[str]:
    """A provider's settings are in its pods as a revision: what they say is the reason."""
    return [str(inner) for inner in (change.path == REVISION and settings) or [change]]


def _file(part: str, name: Named) -> str:
    kind = "its keys" if name[0] == SECRET.kind else "its table" if part == "router" else "its settings"
    return f"{kind} ({' '.join(name)})"
