# SPDX-License-Identifier: Apache-2.0
"""Whether an object in the cluster is still what was applied. Pure.

Two questions, because each alone misses something: is everything that we state there (finds what others changed), and
is the stamp of what we stated last the same (finds what we state no more)?
"""

import hashlib
import json
from typing import Any

STAMP = "aigateway.dev/applied"

Object = dict[str, Any]


def stamped(body: Object) -> Object:
    """With an annotation that names the content."""
    content = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
    metadata = body["metadata"]
    annotations = {**metadata.get("annotations", {}), STAMP: content}
    return {**body, "metadata": {**metadata, "annotations": annotations}}


def is_there(body: Object, live: Object | None) -> bool:
    """Every field of `body` (stamped) has the same value in `live`; the API server's own additions do not matter."""
    return live is not None and _within(body, live)


def was_changed_by_others(body: Object, live: Object | None) -> bool:
    """It bears the stamp of what we state, and yet is not that: what they added must go, too."""
    return bears_stamp(body, live)


def bears_stamp(body: Object, live: Object | None) -> bool:
    """`body` (stamped) is what was stated last, whatever somebody else made of it."""
    annotations = live["metadata"].get("annotations", {}) if live else {}
    return bool(annotations.get(STAMP) == body["metadata"]["annotations"][STAMP])


def _within(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_has(value, found.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        same = isinstance(found, list) and len(wanted) == len(found)
        return same and all(_within(w, f) for w, f in zip(wanted, found, strict=True))
    return bool(wanted == found)


def _has(wanted: Any, found: Any) -> bool:
    """The API server drops what is empty."""
    return (found is None and wanted in ({}, [], "", False, 0, None)) or _within(wanted, found)
