# SPDX-License-Identifier: Apache-2.0
"""Addresses of model servers that a request names, and the list of those that a provider takes. Pure.

An entry of the list is a base URL, whose host may begin with `*.` (any subdomain), or `*` (any http or https address).
It covers its own path and all below. An address is read strictly, so that whoever reads it later reads the same: what
two readers could take for two things is refused, as are the many ways to write an IPv4 address.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from aigw_contract.peers import address, peer_allowed

MOST_CHARACTERS = 255
ANY = "*"
SUBDOMAINS = "*."
PORTS = {"http": 80, "https": 443}

_URL = re.compile(r"(https?)://([^/]+)(/.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()+,;=:@-]+)*/?")


class Endpoint(NamedTuple):
    """A base URL in its one spelling: lower case but for the path, the port always known, no slash at its end."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


class Entry(NamedTuple):
    """One of a list. Without a base it is `*`; with `subdomains` the base's host is what follows `*.`."""

    base: Endpoint | None
    subdomains: bool = False


@lru_cache(maxsize=256)
def parse(url: str) -> Endpoint:
    """Raises ValueError, whose text tells what is wrong and holds nothing of the URL."""
    if len(url) > MOST_CHARACTERS:
        raise ValueError(f"has more than {MOST_CHARACTERS} characters")
    found = _URL.fullmatch(url) if url.isascii() else None
    if found is None:
        raise ValueError("is not an http or https address")
    scheme, authority, path = found[1].lower(), found[2], found[3] or ""
    if "@" in authority:
        raise ValueError("must hold no user name and no password")
    host, port = _host_and_port(authority, PORTS[scheme])
    return Endpoint(scheme, host, port, _path(path))


@lru_cache(maxsize=1024)
def parse_entry(text: str) -> Entry:
    """Raises ValueError, as `parse`."""
    if text == ANY:
        return Entry(None)
    scheme, mark, rest = text.partition("://")
    if not rest.startswith(SUBDOMAINS):
        return Entry(parse(text))
    base = parse(scheme + mark + rest.removeprefix(SUBDOMAINS))
    if address(base.host) is not None:
        raise ValueError("an address has no subdomains")
    return Entry(base, subdomains=True)


def allowed(url: str, entries: Iterable[str]) -> bool:
    """Whether a list covers an address. What cannot be read is not covered."""
    try:
        endpoint = parse(url)
    except ValueError:
        return False
    return covered(endpoint, entries)


def covered(endpoint: Endpoint, entries: Iterable[str]) -> bool:
    """Whether a list covers it: by its name, or by a pattern unless that leads to where only a name does."""
    entries = list(entries)
    if named(endpoint, entries):
        return True
    return not _is_guarded(endpoint.host) and any(_covers(parse_entry(entry), endpoint) for entry in entries)


def named(endpoint: Endpoint, entries: Iterable[str]) -> bool:
    """Whether an entry without a pattern covers it. If none does, where the host leads is to be checked, too."""
    found = map(parse_entry, entries)
    return any(not entry.subdomains and entry.base is not None and _covers(entry, endpoint) for entry in found)


def _host_and_port(authority: str, default: int) -> tuple[str, int]:
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise ValueError("has no host and port that can be read")
    port = int(found[2]) if found[2] else default
    if not 1 <= port <= 65535:
        raise ValueError("has a port that is none")
    return _host(found[1].lower()), port


def _host(host: str) -> str:
    if host.startswith("["):
        return str(_literal(host[1:-1], IPv6Address))
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):  # anything but four plain numbers is read differently here and there
        return str(_literal(host, IPv4Address))
    if not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("has a host that is no name of letters, digits, `-` and `_`")
    return host


def _literal(text: str, kind: type[IPv4Address] | type[IPv6Address]) -> IPv4Address | IPv6Address:
    try:
        return kind(text)
    except ValueError:
        raise ValueError("has a host that is no IP address in its usual form") from None


def _path(path: str) -> str:
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError("has a path with `..`, `//`, a query, a fragment or encoded characters")
    return path.removesuffix("/")


def _covers(entry: Entry, endpoint: Endpoint) -> bool:
    base = entry.base
    if base is None:
        return True
    if (base.scheme, base.port) != (endpoint.scheme, endpoint.port):
        return False
    below = endpoint.path == base.path or endpoint.path.startswith(base.path + "/")
    return below and (endpoint.host.endswith("." + base.host) if entry.subdomains else endpoint.host == base.host)


def _is_guarded(host: str) -> bool:
    if address(host) is not None:
        return not peer_allowed(host)
    return host == "localhost" or host.endswith(".localhost")
