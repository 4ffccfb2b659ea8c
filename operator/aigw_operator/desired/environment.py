# SPDX-License-Identifier: Apache-2.0
"""What a part is told by its environment: where its files are, where auth is, the way out. No secret is in it."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from aigw_contract.endpoints import parse_entry
from aigw_contract.gateway import Logging, Provider
from aigw_operator.desired import places
from aigw_operator.desired.context import Context, Part


def environment(context: Context, part: Part, drain: int) -> list[dict[str, str]]:
    values = {"AIGW_INTERNAL_KEY_FILE": places.INTERNAL_KEY_FILE, "AIGW_DRAIN_SECONDS": str(drain)}
    values |= _logging(context) | (_router(context) if part.name == "router" else _behind() | _proxy(context, part))
    return [{"name": name, "value": value} for name, value in values.items()]


def _logging(context: Context) -> dict[str, str]:
    """Nothing as long as it is the services' own: what is stated anew restarts pods."""
    said = context.gateway.spec.logging
    return {"AIGW_LOG_LEVEL": said.level} if said != Logging() else {}


def _router(context: Context) -> dict[str, str]:
    """It speaks plain HTTP itself, and TLS with the parts behind it."""
    return {
        "AIGW_TABLE_FILE": places.TABLE_FILE,
        "AIGW_AUTH_URL": context.url("auth"),
        "AIGW_TLS__CA_FILE": f"{places.TLS}/ca.crt",
    }


def _behind() -> dict[str, str]:
    """The parts behind the router call no other part, so they need no authority of theirs."""
    return {
        "AIGW_SETTINGS_FILE": places.SETTINGS_FILE,
        "AIGW_TLS__CERT_FILE": f"{places.TLS}/tls.crt",
        "AIGW_TLS__KEY_FILE": f"{places.TLS}/tls.key",
    }


def _proxy(context: Context, part: Part) -> dict[str, str]:
    proxy = context.gateway.spec.egress_proxy
    if proxy is None:
        return {}
    url = proxy.url.rstrip("/")
    direct = ["localhost", "127.0.0.1", "::1", ".svc", f".{context.cluster_domain}", *_short(part), *proxy.no_proxy]
    return {"HTTP_PROXY": url, "HTTPS_PROXY": url, "NO_PROXY": ",".join(dict.fromkeys(direct))}


def _short(part: Part) -> list[str]:
    """A host without a dot is a Service beside the gateway, and no proxy knows it."""
    hosts = _hosts(part.provider) if part.provider else ()
    return [host for host in hosts if "." not in host and ":" not in host]


def _hosts(provider: Provider) -> Iterator[str]:
    if provider.endpoint is not None:
        yield urlsplit(str(provider.endpoint)).hostname or "."
    for entry in map(parse_entry, provider.request_endpoints):
        if entry.base is not None and not entry.subdomains:
            yield entry.base.host
