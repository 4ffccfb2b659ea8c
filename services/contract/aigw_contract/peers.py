# SPDX-License-Identifier: Apache-2.0
"""Where a host that nobody has named may lead: not to the machine itself, its link, a metadata server. Pure."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

LINK_LOCAL = "169.254.0.0/16"
METADATA_SERVERS = (LINK_LOCAL, "fd00:ec2::254/128", "fd20:ce::254/128")
"""Of clouds: they give whoever asks a node's identity."""

GUARDED = tuple(
    ip_network(cidr)
    for cidr in (
        "0.0.0.0/8",  # this machine, on Linux
        "127.0.0.0/8",
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "::/8",  # unspecified, loopback, and IPv4 in a form of long ago
        "fe80::/10",
        "ff00::/8",
        *METADATA_SERVERS,
    )
)
_TRANSLATED = ip_network("64:ff9b::/96")  # IPv4 behind a NAT64

Address = IPv4Address | IPv6Address


def peer_allowed(peer: str) -> bool:
    """Whether a connection to this IP address may serve a host that only a pattern covers. False for what is none."""
    found = address(peer)
    return found is not None and not any(meant in network for meant in _meant(found) for network in GUARDED)


def address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _meant(found: Address) -> list[Address]:
    """The IPv4 address that an IPv6 address stands for in its place, or beside it where a tunnel leads there."""
    if isinstance(found, IPv4Address):
        return [found]
    if found.ipv4_mapped is not None:
        return [found.ipv4_mapped]
    if found in _TRANSLATED:
        return [IPv4Address(int(found) & 0xFFFFFFFF)]
    tunnelled = found.sixtofour or (found.teredo or (None, None))[1]
    return [found] if tunnelled is None else [found, tunnelled]
