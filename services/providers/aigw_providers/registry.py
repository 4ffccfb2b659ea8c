# SPDX-License-Identifier: Apache-2.0
"""Which adapter speaks for a provider type.

The built-in types are modules here. Another package adds a type `vendor.Name` by an entry point of that name in the
group `aigw.providers` that points to its Adapter class.
"""

from importlib import import_module
from importlib.metadata import entry_points

from aigw_providers.adapter import Adapter

GROUP = "aigw.providers"

BUILT_IN = {
    "Anthropic": "aigw_providers.anthropic:Anthropic",
    "VertexAI": "aigw_providers.vertex_ai:VertexAI",
    "OpenAI": "aigw_providers.openai:OpenAI",
    "OpenAICompatible": "aigw_providers.openai_compatible:OpenAICompatible",
    "Echo": "aigw_providers.echo:Echo",
}


class UnknownProviderType(LookupError):
    pass


def adapter_class(kind: str) -> type[Adapter]:
    """The adapter of a provider type. Raises UnknownProviderType."""
    found = _load(BUILT_IN[kind]) if kind in BUILT_IN else _third_party(kind)
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise UnknownProviderType(f"{kind} does not name a subclass of aigw_providers.adapter.Adapter")
    return found


def _load(reference: str) -> object:
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


def _third_party(kind: str) -> object:
    for point in entry_points(group=GROUP, name=kind):
        return point.load()
    known = sorted([*BUILT_IN, *(point.name for point in entry_points(group=GROUP))])
    raise UnknownProviderType(f'no provider type "{kind}" (known: {", ".join(known)})')
