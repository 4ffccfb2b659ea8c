# SPDX-License-Identifier: Apache-2.0
"""Where two objects differ, as paths with old and new values. Pure.

`stated`: what `drift.is_there` asks, with the places: one if it says no, none if it says yes. `edited`: everything, for
two versions of the same document.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

MOST = 120  # characters of a value in a text
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Change(NamedTuple):
    """At a path such as `spec.ports[0].port`; None as `old` means that it comes, as `new` that it goes."""

    path: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.path}: {_short(self.old)} → {_short(self.new)}"


def _short(value: Any) -> str:
    """For one line of a terminal; a text as it is if it is plain."""
    if value is None:
        return "(not set)"
    plain = isinstance(value, str) and value and value.isprintable() and " " not in value
    text = value if plain else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST else f"{text[:MOST]}…"


def stated(wanted: Any, found: Any, path: str = "") -> Iterator[Change]:
    """What of `wanted` is otherwise in `found`. What `found` has beside it does not matter."""
    return _compare(found, wanted, path, whole=False)


def edited(old: Any, new: Any, path: str = "") -> Iterator[Change]:
    return _compare(old, new, path, whole=True)


def below(path: str, key: str) -> str:
    if not _PLAIN.fullmatch(key):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _compare(old: Any, new: Any, path: str, *, whole: bool) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _objects(old, new, path, whole=whole)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path, whole=whole)
    elif old != new:
        yield from _documents(old, new, path) or [Change(path, old, new)]


def _objects(old: Mapping[str, Any], new: Mapping[str, Any], path: str, *, whole: bool) -> Iterator[Change]:
    """The API server drops what is empty."""
    for key in {**new, **(old if whole else {})}:
        before, after = old.get(key), new.get(key)
        if before is not None or after:
            yield from _compare(before, after, below(path, key), whole=whole)


def _lists(old: Sequence[Any], new: Sequence[Any], path: str, *, whole: bool) -> Iterator[Change]:
    """By place if there are as many; by name, if all have one; else all of it is one change."""
    if len(old) == len(new):
        for at, pair in enumerate(zip(old, new, strict=True)):
            yield from _compare(*pair, f"{path}[{at}]", whole=whole)
        return
    before, after = _by_name(old), _by_name(new)
    if before is None or after is None:
        yield Change(path, old, new)
    else:
        yield from _named(before, after, path, whole=whole)


def _named(old: Mapping[str, Any], new: Mapping[str, Any], path: str, *, whole: bool) -> Iterator[Change]:
    for name in {**new, **old}:
        yield from _compare(old.get(name), new.get(name), f"{path}[{name}]", whole=whole)
    before, after = [name for name in old if name in new], [name for name in new if name in old]
    if before != after:
        yield Change(f"{path} (order)", before, after)


def _by_name(items: Sequence[Any]) -> dict[str, Any] | None:
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    unique = len(set(map(str, names))) == len(names) and all(isinstance(name, str) for name in names)
    return dict(zip(names, items, strict=True)) if unique else None  # type: ignore[arg-type]


def _documents(old: Any, new: Any, path: str) -> list[Change]:
    """Two texts that hold JSON objects, as the files of a ConfigMap do, differ where their contents do.

    Nothing if they are other texts, or hold the same. A table names its own content: that says nothing to anybody.
    """
    before, after = _parsed(old), _parsed(new)
    if before is None or after is None:
        return []
    found = list(edited(before, after, path))
    return [change for change in found if change.path != f"{path}.revision"] or found


def _parsed(text: Any) -> dict[str, Any] | None:
    if not isinstance(text, str) or not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
