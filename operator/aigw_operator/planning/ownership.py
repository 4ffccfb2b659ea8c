# SPDX-License-Identifier: Apache-2.0
"""What goes when it is stated no more. Pure.

Server-side apply removes fields that the same manager stated before and now does not, unless somebody else states them
too. Who states what is in `metadata.managedFields`; its keys are `f:<field>`, `k:<keys of a list's item, JSON>`,
`v:<item of a set>` and `.` for the place itself.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aigw_operator.planning.differences import Change, below

Fields = Mapping[str, Any]


def dropped(wanted: Mapping[str, Any], live: Mapping[str, Any], manager: str) -> Iterator[Change]:
    """Fields of `live` that an apply of `wanted` by `manager` removes. Items of lists are `differences`' to find."""
    entries = live["metadata"].get("managedFields", [])
    ours = [e["fieldsV1"] for e in entries if _applies(e, manager)]
    others = [e.get("fieldsV1", {}) for e in entries if not _applies(e, manager)]
    for fields in ours:
        yield from _dropped(fields, others, wanted, live, "")


def _applies(entry: Mapping[str, Any], manager: str) -> bool:
    return entry.get("manager") == manager and entry.get("operation") == "Apply" and "fieldsV1" in entry


def _dropped(fields: Fields, others: Sequence[Fields], wanted: Any, live: Any, path: str) -> Iterator[Change]:
    for step, inner in fields.items():
        kind, _, name = step.partition(":")
        if kind == "f":
            stated, found, where = _field(wanted, name), _field(live, name), below(path, name)
        elif kind == "k":
            stated, found, where = *_items(wanted, live, json.loads(name)), f"{path}[{_called(name)}]"
        else:
            continue
        if found is None or (stated is None and kind == "k"):
            continue
        rest = [other[step] for other in others if step in other]
        if stated is not None or any(inner_step.startswith("f:") for inner_step in inner):
            yield from _dropped(inner, rest, stated, found, where)
        elif not rest:
            yield Change(where, found, None)


def _field(body: Any, name: str) -> Any:
    return body.get(name) if isinstance(body, dict) else None


def _items(wanted: Any, live: Any, keys: Mapping[str, Any]) -> tuple[Any, Any]:
    return _item(wanted, keys), _item(live, keys)


def _item(items: Any, keys: Mapping[str, Any]) -> Any:
    """The one that has these keys."""
    found = (i for i in items if isinstance(i, dict) and keys.items() <= i.items()) if isinstance(items, list) else ()
    return next(iter(found), None)


def _called(keys: str) -> str:
    return ",".join(str(value) for value in json.loads(keys).values())
