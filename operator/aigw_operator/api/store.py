# SPDX-License-Identifier: Apache-2.0
"""What gateways have, as the API server told of it last: a look asks for nothing that was told already.

It is filled by a list of each kind, then by the watch and by the answers to the operator's own writes, so that a look
sees what the one before it wrote. What comes late is known by its version, what a list did not know yet by the order of
arrival. Objects are kept as JSON: parsed, they take several times the memory.
"""

import threading
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from aigw_operator.kinds import GATEWAY, Key, Kind, Named, Object

INSTANCE = "app.kubernetes.io/instance"


class Entry(NamedTuple):
    version: str
    turn: int
    content: bytes


class Store:
    """Of many threads. An object belongs to the gateway that its label names."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = 0
        self._found: dict[Key, dict[Named, Entry]] = {}
        self._gone: dict[tuple[Key, Named], tuple[int, str]] = {}  # turn and version of deletions since the last list

    def of(self, key: Key) -> list[Object]:
        with self._lock:
            entries = list(self._found.get(key, {}).values())
        return [msgspec.json.decode(entry.content) for entry in entries]

    def put(self, body: Object) -> bool:
        """True if it is news: another version, and no older one."""
        with self._lock:
            return self._put(body)

    def discard(self, body: Object) -> bool:
        """True if it was known."""
        with self._lock:
            self._turn += 1
            self._gone[_places(body)] = self._turn, body["metadata"]["resourceVersion"]
            return self._drop(*_places(body))

    def turn(self) -> int:
        """To be asked before a list is."""
        with self._lock:
            return self._turn

    def replace(self, kind: Kind, namespace: str, bodies: Iterable[Object], turn: int) -> None:
        """A list is the truth about what was put before it was asked; `namespace` is empty for all."""
        with self._lock:
            listed = {_places(body): body for body in bodies}
            for key, named in self._old(kind, namespace, turn) - listed.keys():
                self._drop(key, named)
            for body in listed.values():
                self._put(body)
            self._gone = {p: gone for p, gone in self._gone.items() if p[1][0] != kind.kind or gone[0] > turn}

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._found.values()))

    def _old(self, kind: Kind, namespace: str, turn: int) -> set[tuple[Key, Named]]:
        return {
            (key, named)
            for key, entries in self._found.items()
            for named, entry in entries.items()
            if named[0] == kind.kind and namespace in ("", key.namespace) and entry.turn <= turn
        }

    def _drop(self, key: Key, named: Named) -> bool:
        entries = self._found.get(key, {})
        known = entries.pop(named, None) is not None
        if not entries:
            self._found.pop(key, None)
        return known

    def _put(self, body: Object) -> bool:
        key, named = _places(body)
        version = body["metadata"]["resourceVersion"]
        known = self._found.get(key, {}).get(named)
        _, gone = self._gone.get((key, named), (0, ""))
        if (known is not None and not _newer(version, known.version)) or (gone and not _newer(version, gone)):
            return False
        self._turn += 1
        self._found.setdefault(key, {})[named] = Entry(version, self._turn, _packed(body))
        return True


def owner(body: Object) -> Key | None:
    """The gateway that an object belongs to, if it has one as its owner."""
    metadata = body["metadata"]
    names = [o["name"] for o in metadata.get("ownerReferences", []) if o["kind"] == GATEWAY.kind]
    return Key(metadata["namespace"], names[0]) if names else None


def _places(body: Object) -> tuple[Key, Named]:
    metadata = body["metadata"]
    key = Key(metadata["namespace"], metadata.get("labels", {}).get(INSTANCE, ""))
    return key, (body["kind"], metadata["name"])


def _newer(version: str, known: str) -> bool:
    """Versions are numbers that grow, wherever Kubernetes is Kubernetes; if not, the last one told is the newest."""
    return int(version) > int(known) if version.isdigit() and known.isdigit() else version != known


def _packed(body: Object) -> bytes:
    """Who states which field is for the API server to know; it is half of the object."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return msgspec.json.encode({**body, "metadata": metadata})
