# SPDX-License-Identifier: Apache-2.0
"""The routing table in use: read from a file, replaced whole when the file changes, kept when the new one is bad."""

import ssl

import msgspec

from aigw_contract.table import RoutingTable
from aigw_kit.files import Watched, watch
from aigw_router.clients import ProviderClient
from aigw_router.metrics import TABLE


class Tables:
    """`current` is read once per request, so that a request sees one table from its beginning to its end."""

    def __init__(self, path: str, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._file = Watched(path, self._load)
        self._clients: dict[str, ProviderClient] = {}

    @property
    def current(self) -> RoutingTable:
        return self._file.value

    @property
    def error(self) -> str:
        """Why the newest table is not in use, or empty."""
        return self._file.error

    def client(self, table: RoutingTable, provider: str) -> ProviderClient:
        """The client of a provider's service; connections outlive tables that do not change the address."""
        url = table.providers[provider].url
        found = self._clients.get(url)
        if found is None:
            found = self._clients[url] = ProviderClient(url, self._tls)
        return found

    async def keep_fresh(self) -> None:
        await watch(self._file)

    def _load(self, content: bytes) -> RoutingTable:
        table = msgspec.json.decode(content, type=RoutingTable)
        _require_whole(table)
        TABLE.clear()
        TABLE.labels(table.revision).set(1)
        return table


def _require_whole(table: RoutingTable) -> None:
    """Every name must lead somewhere. Raises ValueError."""
    for name, model in table.models.items():
        if model.provider not in table.providers:
            raise ValueError(f"model {name} names the unknown provider {model.provider}")
    missing = {choice.model for feature in table.features.values() for choice in feature.models} - set(table.models)
    missing |= set(table.aliases.values()) - set(table.models)
    missing |= ({*table.proxies.values()} | {found.provider for found in table.requested}) - set(table.providers)
    if missing:
        raise ValueError(f"the table names what it does not have: {', '.join(sorted(missing))}")
