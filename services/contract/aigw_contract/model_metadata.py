# SPDX-License-Identifier: Apache-2.0
"""`model_metadata` of a request: which model GitLab's administrator has chosen for the feature."""

from typing import Any

from msgspec import Struct

GITLAB = "gitlab"


class ModelMetadata(Struct):
    """Provider `gitlab`: the gateway's own model of that `identifier`, or the feature's own.

    Any other provider with an `endpoint`: that model of that server, and no other in its place. Its repr is for logs.
    """

    provider: str | None = None
    name: str | None = None
    endpoint: str | None = None
    api_key: str | None = None
    identifier: str | None = None
    feature_setting: str | None = None

    @property
    def names_server(self) -> bool:
        return bool(self.endpoint) and self.provider != GITLAB

    def notes(self) -> list[str]:
        """What is passed over."""
        if self.provider in (None, GITLAB) or self.endpoint:
            return []
        return ["model_metadata: names a provider and no endpoint, and was passed over"]

    def __repr__(self) -> str:
        return "ModelMetadata(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []
