# SPDX-License-Identifier: Apache-2.0
"""In which order an edit reaches the parts, so that no request is lost while providers come and go. Pure.

    new provider's pods ──► table of the routers ──► removed provider's pods ──► what those pods needed

A table waits for pods of each provider that it is the first to name; routers use the one that they have meanwhile. What
is left over of a provider stays until no router uses a table that names it, and its pods have ended what they do. All
is read from the cluster each time, so it does not matter which operator looks, or how often.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from aigw_operator import generated
from aigw_operator.desired.context import Context
from aigw_operator.drift import bears_stamp, stamped
from aigw_operator.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, Named, Object
from aigw_operator.status import Part
from aigw_operator.wanted import LAST_GOOD, left_over, named

REACHED = timedelta(seconds=3)
"""From a pod that is ready until every node leads the Service's address to it."""
PROVIDER, TLS = "provider-", "tls-"

Live = Mapping[Named, Object]


class Step(NamedTuple):
    """What one look does of an edit, short of deleting."""

    writes: list[Object]  # what should be as it says now, in order
    stands: list[Object]  # what should be there afterwards, among it the table that routers should use
    awaited: list[str]  # parts for whose pods the table waits


def step(context: Context, made: Sequence[Object], live: Live, now: datetime) -> Step:
    """`made`: all that should exist in the end. A table that waits keeps the last good spec back with it."""
    awaited = _awaited(context, made, live, now)
    names = (context.object_name("router"), context.object_name(LAST_GOOD)) if awaited else ()
    later = [(CONFIG_MAP.kind, name) for name in names]
    writes = [body for body in made if named(body) not in later]
    stands = writes + [live[name] for name in later if name in live]
    return Step([*_certificates(context, made, live, now), *writes], stands, awaited)


def kept(context: Context, stands: Sequence[Object], live: Live, *, routed: bool) -> list[Named]:
    """What is left over and stays for now. `routed`: every router uses the table in `stands`, and no other one."""
    used = providers_of(_table(context, {named(body): body for body in stands})) or set()
    leaving = _leaving(context, stands, live)
    return [name for name, part in leaving.items() if not _may_go(name, part, used, live, routed)]


def parts_of(names: Iterable[Named], live: Live) -> list[str]:
    """The parts that these objects are of."""
    return sorted({_part(live[name]) for name in names})


def providers_of(config_map: Object | None) -> set[str] | None:
    """Of a router's table; None if there is none that can be read."""
    try:
        return set(json.loads((config_map or {})["data"]["table.json"]).get("providers", {}))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _awaited(context: Context, made: Iterable[Object], live: Live, now: datetime) -> list[str]:
    """None on a first install, and none for a provider whose name the table in use has, whatever it is from now on."""
    used = providers_of(_table(context, live))
    if used is None:
        return []
    wanted = {named(body): body for body in made}
    new = [part.name for part in context.parts() if part.provider and part.provider.name not in used]
    names = {part: (DEPLOYMENT.kind, context.object_name(part)) for part in new}
    return [part for part, name in names.items() if not _answers(wanted[name], live.get(name), now)]


def _answers(wanted: Object, live: Object | None, now: datetime) -> bool:
    """All of its pods are of its newest state, and at least one can be reached; or none is wanted.

    An admission that makes something else of what is stated would be waited for for ever, so the stamp counts.
    """
    if live is None or not bears_stamp(stamped(wanted), live):
        return False
    part = Part.of(live)
    return part.settled and (not part.desired or (part.available > 0 and now >= _moved(live) + REACHED))


def _moved(deployment: Object) -> datetime:
    """When its controller last saw one of its pods come or go."""
    conditions = deployment.get("status", {}).get("conditions", [])
    times = [datetime.fromisoformat(c["lastUpdateTime"]) for c in conditions if c.get("lastUpdateTime")]
    return max(times, default=datetime.min.replace(tzinfo=UTC))


def _table(context: Context, objects: Live) -> Object | None:
    return objects.get((CONFIG_MAP.kind, context.object_name("router")))


def _leaving(context: Context, stands: Iterable[Object], live: Live) -> dict[Named, str]:
    """What is left over of providers that are wanted no more, with the part that it is of."""
    wanted = {part.name for part in context.parts()}
    found = {name: _part(live[name]) for name in left_over(context, stands, live)}
    return {name: part for name, part in found.items() if part.startswith(PROVIDER) and part not in wanted}


def _part(body: Object) -> str:
    """A part's certificate is labelled as a thing of its own."""
    return str(body["metadata"].get("labels", {}).get("app.kubernetes.io/component", "")).removeprefix(TLS)


def _may_go(name: Named, part: str, used: Collection[str], live: Live, routed: bool) -> bool:
    """First the Deployment, which is there until its last pod has ended; what its pods need goes after it."""
    if not routed or part.removeprefix(PROVIDER) in used:
        return False
    deployments = [other for other, body in live.items() if other[0] == DEPLOYMENT.kind and _part(body) == part]
    return name[0] == DEPLOYMENT.kind or not deployments


def _certificates(context: Context, made: Sequence[Object], live: Live, now: datetime) -> list[Object]:
    """Of providers that are left over: those whose end has come are made anew, however long routers take."""
    parts = [part for (kind, _), part in _leaving(context, made, live).items() if kind == SECRET.kind]
    if not parts:
        return []
    secrets = {**live, **{named(body): body for body in made}}
    found = {name: generated.values_of(body) for (kind, name), body in secrets.items() if kind == SECRET.kind}
    return generated.certificates(context, parts, found, now)
