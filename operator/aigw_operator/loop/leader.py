# SPDX-License-Identifier: Apache-2.0
"""One operator at a time: a Lease, as Kubernetes' own controllers use it.

During a rolling update the new pod waits until the old one gives the Lease back (at once, when it stops in order) or
lets it run out. Who cannot renew stops acting before anybody else may begin.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from aigw_operator.api.cluster import Cluster, Conflict
from aigw_operator.kinds import LEASE, Object

LEASE_SECONDS = 15
RENEW_SECONDS = 5.0
LOOK_SECONDS = 1.0  # of who waits for it: an upgrade's pause is this and what the last look takes
NAME = "aigw-operator"


class Leader:
    """`now` is the wall clock; the times in the Lease are only compared with those that its holder wrote."""

    def __init__(self, cluster: Cluster, namespace: str, identity: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.identity = identity
        self._renewed = datetime.min.replace(tzinfo=UTC)
        self._seen: tuple[str, datetime] = ("", datetime.min.replace(tzinfo=UTC))

    def leads(self, now: datetime) -> bool:
        """Still, for as long as nobody else may take over."""
        return now < self._renewed + timedelta(seconds=LEASE_SECONDS - RENEW_SECONDS)

    def try_to_lead(self, now: datetime) -> bool:
        """Take the Lease if it is free, renew it if it is ours.

        Call it every RENEW_SECONDS, and every LOOK_SECONDS while somebody else has it.
        """
        lease = self._cluster.get(LEASE, self._namespace, NAME)
        try:
            if lease is None:
                self._cluster.create(LEASE, self._lease({}, now))
            elif self._may_take(lease, now):
                self._cluster.replace(LEASE, self._lease(lease, now))
            else:
                return False
        except Conflict:
            return False
        self._renewed = now
        return True

    def give_back(self, now: datetime) -> None:
        """So that the next one need not wait for it to run out."""
        lease = self._cluster.get(LEASE, self._namespace, NAME)
        if lease is not None and lease.get("spec", {}).get("holderIdentity") == self.identity:
            body = self._lease(lease, now)
            body["spec"]["holderIdentity"] = ""
            self._cluster.replace(LEASE, body)
        self._renewed = datetime.min.replace(tzinfo=UTC)

    def _may_take(self, lease: Object, now: datetime) -> bool:
        """Ours, free, or not renewed for its whole time as we have seen it: clocks of machines differ."""
        spec = lease.get("spec", {})
        if spec.get("holderIdentity") in (self.identity, "", None):
            return True
        mark = f"{spec.get('holderIdentity')} {spec.get('renewTime')}"
        if mark != self._seen[0]:
            self._seen = (mark, now)
        return now >= self._seen[1] + timedelta(seconds=LEASE_SECONDS)

    def _lease(self, lease: Object, now: datetime) -> dict[str, Any]:
        spec = lease.get("spec", {})
        ours = spec.get("holderIdentity") == self.identity
        stamp = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": lease.get("metadata") or {"name": NAME, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": spec.get("acquireTime", stamp) if ours else stamp,
                "renewTime": stamp,
                "leaseTransitions": spec.get("leaseTransitions", 0) + (0 if ours else 1),
            },
        }
