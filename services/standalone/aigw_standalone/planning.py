# SPDX-License-Identifier: Apache-2.0
"""`aigw plan`: a manifest beside what a cluster has. It reads, and writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from aigw_contract.checks import check
from aigw_contract.gateway import AIGateway
from aigw_operator.api import kubeconfig
from aigw_operator.api.cluster import Cluster
from aigw_operator.desired.context import Context
from aigw_operator.kinds import GATEWAY, POD_MONITOR, Named, Object
from aigw_operator.planning import facts, snapshot
from aigw_operator.planning.facts import DEFAULT, Source
from aigw_operator.planning.plan import plan, spec_changes
from aigw_operator.planning.report import Report
from aigw_operator.wanted import everything
from aigw_standalone import manifest

TOLD = ("image_prefix", "image_tag", "operator_namespace")
NEW = "(new)"
"""Stands for the uid that the cluster will give: nothing that is there has it as owner."""

Facts = Mapping[str, tuple[str, str]]
"""Fact -> value and who says so."""


class Options(NamedTuple):
    """`told`: what the user says of `image_prefix`, `image_tag` and `operator_namespace`. None: to be found out."""

    files: tuple[Path, ...]
    kubeconfig: str | None
    context: str | None
    namespace: str | None
    told: Mapping[str, str]
    pod_monitors: bool | None


class CannotPlan(Exception):
    """The edit would be refused, or nobody can say; `faults` are lines for the user."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def planned(options: Options) -> Report:
    """Raises CannotPlan."""
    try:
        gateway = manifest.read(options.files).gateway
        chosen = kubeconfig.choose(options.kubeconfig, options.context)
        placed = _placed(gateway, options.namespace, chosen.namespace)
        with kubeconfig.reaching(chosen):
            return _compared(placed, chosen.cluster, options)._replace(context=chosen.context)
    except manifest.BadManifest as bad:
        raise CannotPlan(bad.faults) from None
    except kubeconfig.NoCluster as nowhere:
        raise CannotPlan([str(nowhere)]) from None


def _placed(gateway: AIGateway, asked: str | None, default: str) -> AIGateway:
    """In its namespace as kubectl sees it: its own, else the one that is asked for, else the context's."""
    metadata = gateway.metadata
    own = metadata.namespace if "namespace" in metadata.model_fields_set else None
    if own and asked and own != asked:
        raise CannotPlan([f"metadata.namespace: is {own}, and --namespace says {asked}; leave out one of them"])
    placed = metadata.model_copy(update={"namespace": own or asked or default})
    return gateway.model_copy(update={"metadata": placed})


def _compared(edited: AIGateway, cluster: Cluster, options: Options) -> Report:
    """The same steps as the operator's: what is there, what should be, what differs."""
    namespace, name = edited.metadata.namespace, edited.metadata.name
    body = cluster.get(GATEWAY, namespace, name)
    stored = _stored(body, edited)
    gateway = stored if stored and _spec(stored) == _spec(edited) else edited
    unsure = Context(gateway, body["metadata"]["uid"] if body else NEW)
    found = snapshot.belongings(cluster, unsure)
    operators = snapshot.operators(cluster, namespace, options.told.get("operator_namespace"))
    operator = facts.responsible(operators, namespace)
    known = facts.chosen(_sources(options.told, operator, stored, found.live))
    context = replace(_informed(unsure, known, cluster, options.pod_monitors), lives=facts.lives(operator))
    made = [o for o in everything(context, found.live, datetime.now(UTC)) if o["kind"] not in found.hidden]
    more, faults = snapshot.obstacles(cluster, context, made, found.live)
    if faults:
        raise CannotPlan(faults)
    changes = spec_changes(_spec(stored), _spec(gateway)) if stored else []
    notes = [*_notes(context, known, operator, found.hidden), *_missing(body, cluster)]
    return Report(namespace, name, "", body is None, changes, plan(context, made, found.live | more), known, notes)


def _stored(body: Mapping[str, Any] | None, edited: AIGateway) -> AIGateway | None:
    """What the cluster has of it. None if that is nothing, or nothing that can be read."""
    if body is None:
        return None
    if body["metadata"].get("deletionTimestamp"):
        raise CannotPlan(["metadata: the AIGateway is being deleted; wait until it is gone"])
    before, after = body["spec"].get("deployment"), edited.spec.deployment
    if before != after:
        what = f"spec.deployment: cannot be changed (from {before} to {after})"
        raise CannotPlan([f"{what}: make a new AIGateway beside this one"])
    return check(body)[0]


def _spec(gateway: AIGateway) -> dict[str, Any]:
    """With all defaults, as the API server stores it: what a file leaves out is no change."""
    return gateway.spec.model_dump(mode="json", by_alias=True)


def _sources(
    told: Mapping[str, str], operator: Object | None, stored: AIGateway | None, live: Mapping[Named, Object]
) -> Iterator[Source]:
    """Who knows what the operator will know, the surest first."""
    for name, value in told.items():
        yield Source(f"--{name.replace('_', '-')}", {name: value})
    if operator:
        yield facts.of_operator(operator)
    if stored:
        yield facts.of_live(Context(stored), live)


def _informed(context: Context, known: Facts, cluster: Cluster, pod_monitors: bool | None) -> Context:
    values: dict[str, Any] = {name: value for name, (value, _) in known.items()}
    return replace(context, **values, pod_monitors=cluster.has(POD_MONITOR) if pod_monitors is None else pod_monitors)


def _notes(context: Context, known: Facts, operator: Object | None, hidden: Sequence[str]) -> Iterator[str]:
    """What is not sure."""
    own, ours = context.gateway.spec.images, version("ai-gateway")
    if (known["image_prefix"][1] == DEFAULT and not own.prefix) or (known["image_tag"][1] == DEFAULT and not own.tag):
        image = f"{context.image_prefix}…:{context.image_tag}"
        yield f"no operator is in sight, so images are taken to be {image}; say --image-prefix and --image-tag"
    theirs = facts.version(operator) if operator else ""
    if theirs not in ("", ours):
        yield f"the operator has version {theirs} and this aigw {ours}: what they make may differ"
    yield from (f"{kind} objects may not be read by you, so they are not compared" for kind in hidden)


def _missing(body: Object | None, cluster: Cluster) -> Iterator[str]:
    if body is None and not cluster.has(GATEWAY):
        yield "the cluster has no AIGateway kind yet; install the operator first"
