# SPDX-License-Identifier: Apache-2.0
"""A provider service from its settings: the parts, put together once."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from aigw_contract.calls import Answer, Call, EmbedCall, Embeddings
from aigw_contract.plan import revision
from aigw_contract.table import ProviderSettings
from aigw_kit.app import Described, build_app
from aigw_kit.edge import Edge, Hot
from aigw_kit.files import Watched, watch
from aigw_kit.guard import InternalKey
from aigw_kit.http import HttpClient
from aigw_kit.http.origin import Origin, environment_proxy
from aigw_kit.logs import AccessLog
from aigw_kit.serve import Service
from aigw_kit.tls import client_context
from aigw_kit.trunk import Trunks
from aigw_providers.adapter import Adapter
from aigw_providers.credentials import Credential, FileCredential, NoCredential
from aigw_providers.echo import EchoUpstream
from aigw_providers.metrics import Observed
from aigw_providers.probe import Probe
from aigw_providers.proxy import PREFIX, Proxy
from aigw_providers.registry import adapter_class
from aigw_providers.relay import HttpUpstream, Relay, Upstream
from aigw_providers.requested import Nowhere, RequestedRelay, Servers
from aigw_providers.service import ProviderService
from aigw_providers.settings import ProviderServiceSettings

FAILURES = {502: "the attempt failed; the body is a Failure"}


def build(name: str, environment: ProviderServiceSettings) -> Service:
    """Raises UnknownProviderType, OSError, ValueError."""
    content = Path(environment.settings_file).read_bytes()
    settings, digest = msgspec.json.decode(content, type=ProviderSettings), revision(content)
    if name != settings.name:
        raise ValueError(f"the settings file is for {settings.name}")
    adapter = adapter_class(settings.type)(settings)
    credential = _credential(settings, adapter)
    upstream = _upstream(settings, adapter, credential)
    servers = Servers(settings) if settings.request_endpoints else None
    access_log = AccessLog(f"provider-{name}")
    key = InternalKey(environment.internal_key_file)
    app = build_app(f"AI Gateway: provider {name}", version("ai-gateway"), DESCRIBED, _ready, lambda: digest)
    observed = Observed(name)
    probe = Probe(digest, credential, observed)
    relay = Relay(adapter, upstream, settings.timeout)
    if servers is not None:
        relay = RequestedRelay(settings, adapter, upstream, servers)
    hot = [Hot("POST", "/probe", probe.answer), *_hot(settings, adapter, upstream, relay, observed)]
    edge = Edge(app, hot, access_log, key.require)
    trusting = [part for part in (upstream, servers) if isinstance(part, HttpUpstream | Servers)]
    return Service(edge, access_log, [credential.keep_fresh, lambda: watch(key.file, *_trust(settings, trusting))])


def _hot(
    settings: ProviderSettings, adapter: Adapter, upstream: Upstream, relay: Relay, observed: Observed
) -> list[Hot]:
    trunks = Trunks()
    service = ProviderService(settings, adapter, relay, observed, trunks)
    proxy = Proxy(settings, adapter, upstream, observed, trunks)
    return [
        Hot("GET", "/trunk", trunks.lay),
        Hot("POST", "/generate", service.generate),
        Hot("POST", "/embed", service.embed),
        Hot("POST", f"{PREFIX}/", proxy.forward),
    ]


def _upstream(settings: ProviderSettings, adapter: Adapter, credential: Credential) -> Upstream:
    if settings.type == "Echo":
        return EchoUpstream()
    url = settings.endpoint or adapter.base_url()
    if not url and settings.request_endpoints:
        return Nowhere()
    tls = client_context(settings.ca_bundle_file)
    client = HttpClient(url, tls=tls, proxy=environment_proxy(Origin.parse(url)))
    return HttpUpstream(client, credential)


def _trust(settings: ProviderSettings, trusting: Sequence[HttpUpstream | Servers]) -> list[Watched[None]]:
    """Authorities of one's own, which change while the service runs; a bundle that cannot be read changes nothing."""
    bundle = settings.ca_bundle_file

    def load(_: bytes) -> None:
        tls = client_context(bundle)
        for part in trusting:
            part.trust(tls)

    return [Watched(bundle, load)] if bundle and trusting else []


def _credential(settings: ProviderSettings, adapter: Adapter) -> Credential:
    if adapter.credential_source == "google":
        from aigw_providers.google_credentials import GoogleCredential  # noqa: PLC0415 - only this needs google-auth

        return GoogleCredential(settings, adapter.credential_headers)
    if settings.credential_file:
        return FileCredential(settings.credential_file, adapter.credential_headers)
    return NoCredential(needed=adapter.needs_credential)


async def _ready() -> list[str]:
    return []


DESCRIBED = [
    Described("POST", "/generate", "One generation, whole, or text and a last frame", Call, Answer, FAILURES),
    Described("POST", "/embed", "Embeddings of texts", EmbedCall, Embeddings, FAILURES),
    Described(
        "POST",
        "/proxy/{path}",
        "The provider's own API with the gateway's credential",
        None,
        None,
        {404: "proxy_path_not_allowed"},
    ),
]
