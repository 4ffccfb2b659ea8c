# SPDX-License-Identifier: Apache-2.0
"""The identity of a part's pods. It has no token: no part talks to the Kubernetes API.

One for each part, so that a cloud's workload identity can be given to one provider alone.
"""

from typing import Any

from aigw_operator.desired.context import Context, Part


def build(context: Context, part: Part) -> dict[str, Any] | None:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": context.metadata(part.name),
        "automountServiceAccountToken": False,
    }
