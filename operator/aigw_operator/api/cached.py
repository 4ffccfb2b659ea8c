# SPDX-License-Identifier: Apache-2.0
"""The API with a memory of what gateways have."""

from aigw_operator import metrics
from aigw_operator.api.cluster import FIELD_MANAGER, Cluster
from aigw_operator.api.store import Store
from aigw_operator.desired.context import MANAGER
from aigw_operator.kinds import CHILDREN, Key, Kind, Object

OURS = f"app.kubernetes.io/managed-by={MANAGER}"
_KINDS = {kind.kind for kind in CHILDREN}


class CachedCluster(Cluster):
    """Whoever uses it tells `store` what the watch tells, and calls `fill` before the first look and now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()

    def belongings(self, key: Key) -> list[Object]:
        return self.store.of(key)

    def fill(self, namespaces: list[str]) -> None:
        """List everything; also what a watch has missed is known then. Empty: of the whole cluster."""
        for namespace in namespaces or [""]:
            for kind in CHILDREN:
                turn = self.store.turn()
                self.store.replace(kind, namespace, self.find(kind, namespace, OURS), turn)
        metrics.KNOWN.set(len(self.store))

    def apply(self, kind: Kind, body: Object, manager: str = FIELD_MANAGER) -> Object:
        applied = super().apply(kind, body, manager)
        if kind.kind in _KINDS:
            self.store.put(applied)
        return applied

    def overwrite(self, kind: Kind, body: Object) -> Object:
        written = super().overwrite(kind, body)
        self.store.put(written)
        return written
