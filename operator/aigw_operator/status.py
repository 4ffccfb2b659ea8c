# SPDX-License-Identifier: Apache-2.0
"""From what was observed to what the status says: one pure function for each condition.

Conditions are few, positive but for Degraded, and each carries the generation it speaks of. `Serving` speaks of the
generation that was applied last: while a newer one is broken, the last good one serves on and Serving says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from aigw_contract.probes import Probed

MOST_MESSAGE = 1000
SUCCESS_STEP = 300  # seconds by which a newer success must be later to be worth a write


class Reason(StrEnum):
    """Stable words for machines; messages are for people and may change."""

    VALID = "Valid"
    """The spec can be used."""
    INVALID_SPEC = "InvalidSpec"
    """The spec has faults; the last good generation serves on. The message names each with its path."""
    REFUSED_BY_CLUSTER = "RefusedByCluster"
    """The API server did not take an object that this spec makes."""
    ROLLING_OUT = "RollingOut"
    """Deployments have not reached their new state yet."""
    WAITING_FOR_PROVIDER = "WaitingForProvider"
    """A provider that is new has no pod that answers yet; until then routers use the table that they have."""
    UP_TO_DATE = "UpToDate"
    """Every pod runs and has acknowledged the configuration."""
    WAITING_FOR_PODS = "WaitingForPods"
    """Pods are missing, or not ready."""
    WAITING_FOR_ACKNOWLEDGEMENT = "WaitingForAcknowledgement"
    """Pods run, but have not read the newest configuration yet."""
    PROBE_FAILED = "ProbeFailed"
    """A synthetic request through router, auth and providers did not come back."""
    PROBE_SUCCEEDED = "ProbeSucceeded"
    """A synthetic request went through pods that acknowledged this generation."""
    NOTHING_APPLIED = "NothingApplied"
    """No generation of this gateway has ever been good."""
    CREDENTIAL_MISSING = "CredentialMissing"
    """A provider has no credential; the message names the Secret."""
    PROVIDER_FAILING = "ProviderFailing"
    """A provider service does not answer, or its provider refuses the credential."""
    AS_EXPECTED = "AsExpected"
    """Nothing is degraded."""


class Part(NamedTuple):
    """One Deployment as the cluster sees it."""

    name: str
    desired: int
    updated: int
    available: int
    settled: bool  # the controller has seen the newest spec and no old pod is left

    @classmethod
    def of(cls, deployment: Mapping[str, Any]) -> "Part":
        state = deployment.get("status", {})
        metadata = deployment["metadata"]
        seen = state.get("observedGeneration", 0) >= metadata["generation"] and not metadata.get("deletionTimestamp")
        settled = seen and state.get("replicas", 0) == state.get("updatedReplicas", 0)
        name = metadata["labels"]["app.kubernetes.io/component"]
        desired = deployment["spec"].get("replicas", 1)
        return cls(name, desired, state.get("updatedReplicas", 0), state.get("availableReplicas", 0), settled)

    @property
    def whole(self) -> bool:
        """All of its pods are new and ready."""
        return self.settled and self.updated >= self.desired and self.available >= self.desired


@dataclass(frozen=True)
class Observation:
    """Everything that the status rests on. `applied` is the last generation of which all is applied, 0 for none."""

    generation: int
    applied: int
    faults: Sequence[str] = ()
    refused: str = ""
    parts: Sequence[Part] = ()
    behind: Sequence[str] = ()  # pods that have not acknowledged, each with why
    probed: Probed | None = None
    probe_error: str = ""
    missing_secrets: Sequence[str] = ()
    warnings: Sequence[str] = ()
    url: str = ""
    awaited: Sequence[str] = ()  # parts of new providers for whose pods the routers' table waits
    leaving: Sequence[str] = ()  # parts that are wanted no more, and of which something is left
    routed: bool = False  # every router pod uses the table that it should, and none is on its way in or out


@dataclass(frozen=True)
class Condition:
    type: str
    status: bool
    reason: Reason
    message: str
    generation: int
    since: str = field(default="")

    def manifest(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "status": str(self.status),
            "reason": str(self.reason),
            "message": self.message[:MOST_MESSAGE],
            "observedGeneration": self.generation,
            "lastTransitionTime": self.since,
        }


def conditions(seen: Observation) -> list[Condition]:
    return [accepted(seen), progressing(seen), serving(seen), degraded(seen)]


def accepted(seen: Observation) -> Condition:
    if seen.faults:
        return _condition(seen, "Accepted", False, Reason.INVALID_SPEC, "; ".join(seen.faults))
    if seen.refused:
        return _condition(seen, "Accepted", False, Reason.REFUSED_BY_CLUSTER, seen.refused)
    return _condition(seen, "Accepted", True, Reason.VALID, "The spec can be used")


def progressing(seen: Observation) -> Condition:
    """What is left of a provider that is wanted no more is told of, and not waited for."""
    status, reason, message = _progress(seen)
    stays = f"; what is left of {', '.join(seen.leaving)} goes when no router uses it any more" if seen.leaving else ""
    return _condition(seen, "Progressing", status, reason, message + stays)


def _progress(seen: Observation) -> tuple[bool, Reason, str]:
    moving = ", ".join(f"{p.name} {min(p.updated, p.available)}/{p.desired}" for p in seen.parts if not p.whole)
    if seen.awaited:
        rest = f" (waiting for {moving})" if moving else ""
        message = f"Routers use the table that they have until {', '.join(seen.awaited)} answers{rest}"
        return True, Reason.WAITING_FOR_PROVIDER, message
    if moving:
        return True, Reason.ROLLING_OUT, f"Waiting for {moving}"
    if seen.behind:
        return True, Reason.WAITING_FOR_ACKNOWLEDGEMENT, "; ".join(seen.behind)
    return False, Reason.UP_TO_DATE, "All pods run the newest configuration"


def serving(seen: Observation) -> Condition:
    """True only when the synthetic request went through pods that have acknowledged `applied`.

    Providers whose pods are awaited are in no router's table yet.
    """
    if not seen.applied:
        return _serving(seen, False, Reason.NOTHING_APPLIED, "No good generation yet")
    used = [p for p in seen.parts if p.desired and p.name not in seen.awaited]
    waiting = [p.name for p in used if not p.settled or p.updated < 1 or p.available < 1]
    if waiting or not seen.parts:
        return _serving(seen, False, Reason.WAITING_FOR_PODS, f"No ready pod of {', '.join(waiting) or 'any part'}")
    if seen.behind:
        return _serving(seen, False, Reason.WAITING_FOR_ACKNOWLEDGEMENT, "; ".join(seen.behind))
    if failed := _probe_failed(seen):
        return _serving(seen, False, Reason.PROBE_FAILED, failed)
    return _serving(seen, True, Reason.PROBE_SUCCEEDED, "A synthetic request went router, auth, providers and back")


def _probe_failed(seen: Observation) -> str:
    """Why the synthetic request does not count, or empty."""
    if seen.probed is None:
        return seen.probe_error or "No router pod could be probed"
    if seen.probed.unreachable:
        return f"The router does not reach {', '.join(seen.probed.unreachable)}"
    silent = [f"{model} ({why})" for model, why in seen.probed.models.items() if why]
    return f"These models were asked and did not answer: {', '.join(silent)}" if silent else ""


def degraded(seen: Observation) -> Condition:
    if seen.missing_secrets:
        return _condition(seen, "Degraded", True, Reason.CREDENTIAL_MISSING, "; ".join(seen.missing_secrets))
    failing = _failing(seen.probed)
    if failing:
        return _condition(seen, "Degraded", True, Reason.PROVIDER_FAILING, "; ".join(failing))
    if seen.faults or seen.refused:
        message = f"Generation {seen.applied} serves on" if seen.applied else "Nothing serves"
        return _condition(seen, "Degraded", True, Reason.INVALID_SPEC, message)
    return _condition(seen, "Degraded", False, Reason.AS_EXPECTED, "Nothing is degraded")


def status(seen: Observation, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The whole status. What did not change is as it was, so that a steady state writes nothing."""
    found = _kept_times(conditions(seen), before.get("conditions", []), now)
    serves = any(c.type == "Serving" and c.status for c in found)
    made: dict[str, Any] = {
        "observedGeneration": seen.generation,
        "appliedGeneration": seen.applied,
        "servingGeneration": seen.applied if serves else before.get("servingGeneration", 0),
        "url": seen.url,
        "conditions": [c.manifest() for c in found],
        "providers": _providers(seen.probed, before.get("providers", [])),
        "warnings": list(seen.warnings),
    }
    return made


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Conditions whose status or reason is new: what is worth an event."""
    known = {c["type"]: (c["status"], c["reason"]) for c in before.get("conditions", [])}
    return [c for c in after["conditions"] if known.get(c["type"]) != (c["status"], c["reason"])]


def _kept_times(made: Iterable[Condition], before: Iterable[Mapping[str, Any]], now: datetime) -> list[Condition]:
    """lastTransitionTime changes only when the status flips."""
    known = {c["type"]: c for c in before}
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = []
    for condition in made:
        old = known.get(condition.type)
        same = old is not None and old["status"] == str(condition.status)
        since = old["lastTransitionTime"] if old is not None and same else stamp
        kept.append(Condition(**{**condition.__dict__, "since": since}))
    return kept


def _providers(probed: Probed | None, before: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As the services say of themselves; without a probe as it was known before."""
    if probed is None:
        return [dict(entry) for entry in before]
    known = {entry["name"]: entry for entry in before}
    found = [_provider(name, probed, known.get(name, {})) for name in sorted({*probed.providers, *probed.unreachable})]
    return [{key: value for key, value in entry.items() if value not in (None, "")} for entry in found]


def _provider(name: str, probed: Probed, before: Mapping[str, Any]) -> dict[str, Any]:
    state = probed.providers.get(name)
    if state is None:
        return {**before, "name": name, "ready": False}
    success = _time(state.last_success)
    if before.get("lastSuccess") and state.last_success - _seconds(before["lastSuccess"]) < SUCCESS_STEP:
        success = before["lastSuccess"]
    return {
        "name": name,
        "ready": state.credential != "missing",
        "lastSuccess": success,
        "lastError": state.last_error,
        "lastErrorTime": _time(state.last_error_at),
        "credentialSince": _time(state.credential_since),
    }


def _failing(probed: Probed | None) -> list[str]:
    if probed is None:
        return []
    lost = [f"{name} does not answer" for name in probed.unreachable]
    missing = [f"{name} has no credential" for name, state in probed.providers.items() if state.credential == "missing"]
    refused = [
        f"{name}: the provider refused the credential"
        for name, state in probed.providers.items()
        if state.last_error == "auth" and state.last_error_at > state.last_success and state.credential != "missing"
    ]
    return lost + missing + refused


def _condition(seen: Observation, kind: str, status: bool, reason: Reason, message: str) -> Condition:
    return Condition(kind, status, reason, message, seen.generation)


def _serving(seen: Observation, status: bool, reason: Reason, message: str) -> Condition:
    return Condition("Serving", status, reason, message, seen.applied or seen.generation)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""


def _seconds(stamp: str) -> float:
    return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
