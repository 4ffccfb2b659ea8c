# SPDX-License-Identifier: Apache-2.0
"""Paths of what differs: the same answer as `is_there`, with the places; and what goes because it is stated no more."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_operator.drift import is_there
from aigw_operator.planning.differences import Change, edited, stated
from aigw_operator.planning.ownership import dropped

LEAF = (
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", '{"a": 1}', '{"a":1}', '{"revision": 2}'])
)
KEY = st.sampled_from(["name", "a", "b.c/d"])
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3), max_leaves=8
)


@given(wanted=st.dictionaries(KEY, JSON, max_size=3), found=st.dictionaries(KEY, JSON, max_size=3))
def test_something_differs_if_and_only_if_it_is_not_there(wanted: Any, found: Any) -> None:
    assert is_there(wanted, found) == (not list(stated(wanted, found)))
    assert is_there(wanted, {**wanted, "more": 1}), "what is compared with itself"


@given(old=JSON, new=JSON)
def test_two_versions_differ_if_and_only_if_they_are_not_equal(old: Any, new: Any) -> None:
    """An empty value and none are the same to the API server."""
    if list(edited(old, new)):
        assert old != new
    if isinstance(old, str | int) and old != new:
        assert list(edited(old, new))


def test_each_change_has_its_path() -> None:
    old = {"spec": {"ports": [{"port": 1}], "labels": {"app/name": "x"}, "env": [{"name": "A", "value": "1"}]}}
    new = {"spec": {"ports": [{"port": 2}], "labels": {"app/name": "y"}, "env": []}}
    assert list(stated(new, old)) == [
        Change("spec.ports[0].port", 1, 2),
        Change("spec.labels[app/name]", "x", "y"),
        Change("spec.env[A]", {"name": "A", "value": "1"}, None),
    ]


def test_items_with_names_are_told_apart_by_them() -> None:
    old = [{"name": "a", "v": 1}, {"name": "b", "v": 1}, {"name": "c", "v": 1}]
    new = [{"name": "c", "v": 2}, {"name": "a", "v": 1}]
    assert list(edited(old, new, "x")) == [
        Change("x[c].v", 1, 2),
        Change("x[b]", {"name": "b", "v": 1}, None),
        Change("x (order)", ["a", "c"], ["c", "a"]),
    ]


def test_files_are_compared_by_what_they_say() -> None:
    old = {"data": {"table.json": json.dumps({"revision": "1", "models": {"a": {"id": "x"}, "b": 1}}, indent=2)}}
    new = {"data": {"table.json": json.dumps({"revision": "2", "models": {"a": {"id": "y"}}})}}
    assert list(stated(new, old)) == [
        Change("data[table.json].models.a.id", "x", "y"),
        Change("data[table.json].models.b", 1, None),
    ]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (Change("a.image", "r:1", "r:2"), "a.image: r:1 → r:2"),
        (Change("a", None, 5), "a: (not set) → 5"),
        (Change("a", {"b": "ü"}, None), 'a: {"b": "ü"} → (not set)'),
        (Change("a", "", "two words\n"), 'a: "" → "two words\\n"'),
        (Change("a", "x" * 500, "y"), f"a: {'x' * 120}… → y"),
    ],
)
def test_a_change_is_one_line(change: Change, line: str) -> None:
    assert str(change) == line


OURS = {
    "f:metadata": {"f:annotations": {"f:team": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:template": {"f:containers": {'k:{"name":"router"}': {".": {}, "f:args": {}, "f:image": {}}}},
    },
}
LIVE: dict[str, Any] = {
    "metadata": {"annotations": {"team": "ai", "theirs": "1"}},
    "spec": {"replicas": 2, "template": {"containers": [{"name": "router", "args": ["x"], "image": "i"}]}},
}


def live(*others: Any) -> dict[str, Any]:
    entries = [{"manager": "us", "operation": "Apply", "fieldsV1": OURS}]
    entries += [{"manager": "them", "operation": "Update", "fieldsV1": other} for other in others]
    return {**LIVE, "metadata": {**LIVE["metadata"], "managedFields": entries}}


def test_what_is_stated_no_more_goes() -> None:
    wanted = {"metadata": {}, "spec": {"template": {"containers": [{"name": "router", "image": "i"}]}}}
    assert list(dropped(wanted, live(), "us")) == [
        Change("metadata.annotations.team", "ai", None),
        Change("spec.replicas", 2, None),
        Change("spec.template.containers[router].args", ["x"], None),
    ]
    assert not list(dropped(LIVE, live(), "us")), "all of it is stated still"
    assert not list(dropped(wanted, live(), "somebody"))


def test_what_somebody_else_states_too_stays() -> None:
    wanted = {"metadata": {"annotations": {"team": "ai"}}, "spec": {"template": LIVE["spec"]["template"]}}
    assert [change.path for change in dropped(wanted, live(), "us")] == ["spec.replicas"]
    assert not list(dropped(wanted, live({"f:spec": {"f:replicas": {}}}), "us"))
