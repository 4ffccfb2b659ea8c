# SPDX-License-Identifier: Apache-2.0
"""What is kept of what the API server tells: nothing old, nothing that is gone, and little memory."""

from typing import Any

from aigw_operator.api.store import INSTANCE, Store, owner
from aigw_operator.kinds import CONFIG_MAP, SECRET, Key
from aigw_operator.loop.hearing import DEAF_SECONDS, Hearing

EU, US = Key("n", "eu"), Key("n", "us")


def body(name: str = "a", version: int = 1, *, kind: str = "ConfigMap", key: Key = EU, **more: Any) -> dict[str, Any]:
    labels = {INSTANCE: key.name}
    metadata = {"name": name, "namespace": key.namespace, "labels": labels, "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata | more}


def versions(store: Store, key: Key = EU) -> dict[str, str]:
    return {o["metadata"]["name"]: o["metadata"]["resourceVersion"] for o in store.of(key)}


def test_what_was_put_is_there_and_belongs_to_one_gateway() -> None:
    store = Store()
    assert store.put(body())
    assert store.of(EU) == [body()]
    assert store.of(US) == []


def test_our_own_write_is_no_news_when_the_watch_tells_of_it() -> None:
    store = Store()
    store.put(body(version=9))
    assert not store.put(body(version=9))
    assert not store.put(body(version=8)), "what comes late"
    assert versions(store) == {"a": "9"}
    assert store.put(body(version=10)), "numbers, not texts"


def test_what_is_gone_stays_gone_when_an_answer_comes_late() -> None:
    store = Store()
    store.put(body(version=1))
    assert store.discard(body(version=5))
    assert not store.put(body(version=4))
    assert len(store) == 0
    assert not store.discard(body(version=5))
    assert store.put(body(version=6)), "made again"


def test_a_list_is_the_truth() -> None:
    store = Store()
    for name in ("kept", "missed"):
        store.put(body(name, 1))
    store.put(body("other", 1, kind="Secret"))
    store.put(body("kept", 1, key=US))
    store.replace(CONFIG_MAP, "", [body("kept", 2), body("new", 3), body("kept", 1, key=US)], store.turn())
    assert versions(store) == {"kept": "2", "new": "3", "other": "1"}
    assert versions(store, US) == {"kept": "1"}


def test_a_list_does_not_undo_what_came_while_it_was_made() -> None:
    store = Store()
    store.put(body("deleted", 1))
    store.put(body("changed", 1))
    turn = store.turn()
    listed = [body("deleted", 1), body("changed", 1)]
    store.put(body("made", 5))
    store.put(body("changed", 6))
    store.discard(body("deleted", 7))
    store.replace(CONFIG_MAP, "n", listed, turn)
    assert versions(store) == {"made": "5", "changed": "6"}


def test_a_list_of_one_namespace_says_nothing_of_another() -> None:
    store = Store()
    store.put(body(key=Key("other", "eu"), kind="Secret"))
    store.replace(SECRET, "n", [], store.turn())
    assert len(store) == 1


def test_who_states_which_field_is_not_kept() -> None:
    store = Store()
    store.put(body(managedFields=[{"manager": "x"}]))
    assert store.of(EU) == [body()]


def test_the_owner_is_a_gateway() -> None:
    owners = [{"kind": "Other", "name": "x"}, {"kind": "AIGateway", "name": "eu"}]
    assert owner(body(ownerReferences=owners)) == EU
    assert owner(body()) is None


def test_a_watch_that_tells_nothing_is_deaf() -> None:
    hearing = Hearing()
    hearing.told(EU, "1")
    hearing.listed({EU: "1"}, 0)
    hearing.listed({EU: "2"}, 10)
    assert hearing.deaf(11) is None
    hearing.listed({EU: "2"}, 20 + DEAF_SECONDS)
    assert hearing.deaf(20 + DEAF_SECONDS) == EU


def test_a_watch_that_told_while_the_list_was_made_is_not_deaf() -> None:
    hearing = Hearing()
    hearing.told(EU, "2")
    hearing.listed({EU: "1"}, 0)
    hearing.listed({EU: "2"}, 60)
    hearing.listed({EU: "2"}, 2 * DEAF_SECONDS)
    assert hearing.deaf(2 * DEAF_SECONDS) is None


def test_a_watch_that_tells_late_is_not() -> None:
    hearing = Hearing()
    hearing.listed({EU: "2", US: "1"}, 0)
    hearing.told(EU, "2")
    hearing.gone(US)
    hearing.listed({EU: "2"}, 2 * DEAF_SECONDS)
    assert hearing.deaf(2 * DEAF_SECONDS) is None
