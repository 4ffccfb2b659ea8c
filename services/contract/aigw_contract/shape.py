# SPDX-License-Identifier: Apache-2.0
"""What all parts of the AIGateway object are made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=63)]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
"""A name without dots: it becomes part of the name of a Service."""
ObjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
"""The name of an object in the cluster, such as a Secret."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Address = Annotated[str, StringConstraints(min_length=1, max_length=2083)]
Duration = Annotated[str, StringConstraints(pattern=r"^[0-9]+(ms|s|m|h)$", max_length=12)]
"""A whole number and a unit: 500ms, 3s, 1m, 24h."""


class Spec(BaseModel):
    """camelCase on the wire; a field that is not known is a fault."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True)


def seconds(duration: str) -> float:
    """`500ms` -> 0.5. The pattern of `Duration` has been checked."""
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        if duration.endswith(unit):
            return int(duration.removesuffix(unit)) * factor
    raise ValueError(f"not a duration: {duration}")
