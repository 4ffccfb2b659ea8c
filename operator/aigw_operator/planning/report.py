# SPDX-License-Identifier: Apache-2.0
"""A plan as people read it, and as scripts do. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aigw_operator.planning.differences import Change
from aigw_operator.planning.effects import Effect
from aigw_operator.planning.plan import Plan


class Report(NamedTuple):
    """`is_new`: the cluster has no such AIGateway. `facts`: as `facts.chosen` gives them."""

    namespace: str
    name: str
    context: str
    is_new: bool
    spec: list[Change]
    plan: Plan
    facts: Mapping[str, tuple[str, str]]
    notes: list[str]


def to_text(report: Report) -> str:
    return "\n".join(_lines(report)) + "\n"


def to_json(report: Report) -> dict[str, Any]:
    """`old` and `new` are null where there is nothing; values of Secrets are never in it."""
    plan = report.plan
    return {
        "ok": True,
        "gateway": {"namespace": report.namespace, "name": report.name, "new": report.is_new},
        "changes": not plan.empty,
        "spec": _changes(report.spec),
        "created": [{"kind": kind, "name": name} for kind, name in plan.created],
        "changed": [{"kind": c.kind, "name": c.name, "changes": _changes(c.changes)} for c in plan.changed],
        "deleted": [{"kind": kind, "name": name} for kind, name in plan.deleted],
        "unchanged": plan.unchanged,
        "parts": [effect._asdict() for effect in plan.effects],
        "facts": {name: {"value": value, "from": who} for name, (value, who) in report.facts.items()},
        "notes": report.notes,
    }


def _changes(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [change._asdict() for change in changes]


def _lines(report: Report) -> Iterator[str]:
    plan = report.plan
    where = f" in the cluster of context {report.context}" if report.context else ""
    yield f"AIGateway {report.namespace}/{report.name}{where}{': new' if report.is_new else ''}"
    yield from (f"  {change}" for change in report.spec)
    if plan.empty:
        yield f"Nothing changes: {plan.unchanged} objects are as they should be."
    else:
        yield from _objects(plan)
        yield from _pods(plan.effects)
        yield from _images(report.facts)
    yield from (f"Note: {note}" for note in report.notes)


def _images(facts: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """Where they come from decides about restarts, and the object need not say it."""
    known = {value: who for name, (value, who) in facts.items() if name.startswith("image_")}
    if known:
        says = " and ".join(dict.fromkeys(known.values()))
        yield f"Images, where the object names none: {'…:'.join(known)}, says {says}"


def _objects(plan: Plan) -> Iterator[str]:
    sizes = (len(plan.created), len(plan.changed), len(plan.deleted), plan.unchanged)
    yield "Objects: {} created, {} changed, {} deleted, {} stay as they are".format(*sizes)
    yield from (f"  + {kind} {name}" for kind, name in plan.created)
    for changed in plan.changed:
        yield f"  ~ {changed.kind} {changed.name}{'' if changed.changes else ': what the operator notes for itself'}"
        yield from (f"      {change}" for change in changed.changes)
    yield from (f"  - {kind} {name}" for kind, name in plan.deleted)


def _pods(effects: Sequence[Effect]) -> Iterator[str]:
    yield "Pods:"
    for part, what, because in effects:
        if what == "restarts":
            yield f"  {part}: restarts:"
            yield from (f"      {line}" for line in because)
        elif because:
            rest = ", no restart" if what in ("re-reads", "scales") else ""
            yield f"  {part}: {what}{'' if what == 're-reads' else ':'} {', '.join(because)}{rest}"
    still = [effect.part for effect in effects if not effect.because]
    if still:
        yield f"  not affected: {', '.join(still)}"
