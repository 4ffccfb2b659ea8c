# SPDX-License-Identifier: Apache-2.0
"""Which addresses a list covers: read strictly, and never where only a name may lead."""

import socket
from ipaddress import IPv4Address, ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aigw_contract.endpoints import ANY, MOST_CHARACTERS, Endpoint, allowed, named, parse, parse_entry
from aigw_contract.peers import GUARDED, peer_allowed


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://vllm.models.svc:8000/v1", Endpoint("http", "vllm.models.svc", 8000, "/v1")),
        ("HTTPS://Models.Example.COM:443/V1/", Endpoint("https", "models.example.com", 443, "/V1")),
        ("http://vllm", Endpoint("http", "vllm", 80, "")),
        ("http://my_model-server/", Endpoint("http", "my_model-server", 80, "")),
        ("http://10.0.0.7:8000", Endpoint("http", "10.0.0.7", 8000, "")),
        ("https://[2001:DB8:0::1]:8443/a/b", Endpoint("https", "2001:db8::1", 8443, "/a/b")),
        ("https://xn--bcher-kva.example", Endpoint("https", "xn--bcher-kva.example", 443, "")),
    ],
)
def test_an_address_has_one_spelling(url: str, endpoint: Endpoint) -> None:
    assert parse(url) == endpoint
    assert parse(endpoint.url) == endpoint


REFUSED = [
    "", "models", "//models", "httpſ://models", "models:8000", "ftp://models", "file:///etc/passwd", "http:/x",
    "http:x", "http://", "http:///v1", "http://:80", "http://models:", "http://models:0", "http://models:65536", "http://models:x",
    "http://models:8٠", "http://user@models", "http://user:pass-word@models", "http://models@10.0.0.1", "http://a b",
    "http://models\r\nx: y", "http://models\t", " http://models", "http://models\\@10.0.0.1", "http://models?x=1",
    "http://models/v1?x=1", "http://models/v1#x", "http://models/../admin", "http://models/v1/./x", "http://models/v1/..",
    "http://models//v1", "http://models/v1//", "http://models/%2e%2e/x", "http://models/a%2fb", "http://models%2ex",
    "http://mödels", "http://ⓜodels", "http://models。example", "http://-models", "http://models-", "http://a..b",
    "http://models.", "http://.models", "http://*", "http://*.a.example", f"http://{'a' * 64}", f"http://a/{'b' * 255}",
    # an IPv4 address in other words
    "http://2130706433", "http://0x7f000001", "http://0177.0.0.1", "http://127.1", "http://127.0.1", "http://0x7f.1",
    "http://127.0.0.0x1", "http://0x7F.0.0.0x1", "http://256.0.0.1", "http://1.2.3.4.5", "http://127.0.0.01", "http://0",
    "http://models.0x", "http://a.1",
    # an IPv6 address that is none, or has a zone
    "http://[::1", "http://::1", "http://[]", "http://[fe80::1%eth0]", "http://[fe80::1%25eth0]", "http://[v1.x]",
    "http://[::1]x", "http://[127.0.0.1]",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused_in_words_that_hold_nothing_of_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(has|is|must) ") as refused:
        parse(url)
    assert not [word for word in ("models", "pass-word", "evil", "127") if word in str(refused.value)]
    assert not allowed(url, [ANY])


def test_what_people_write_by_mistake_is_told() -> None:
    with pytest.raises(ValueError, match=r"^must hold no user name and no password$"):
        parse("http://me:pass-word@models/v1")
    with pytest.raises(ValueError, match=r"^has a path with"):
        parse("http://models/v1?api-version=1")


@pytest.mark.parametrize(
    ("entry", "url", "covered"),
    [
        ("http://a/v1", "http://a/v1", True),
        ("http://a/v1", "http://A:80/v1/", True),
        ("http://a/v1", "http://a/v1/models/x", True),
        ("http://a", "http://a/anything", True),
        ("http://a/v1", "http://a/v10", False),
        ("http://a/v1", "http://a/V1", False),
        ("http://a/v1", "http://a", False),
        ("http://a/v1", "https://a/v1", False),
        ("http://a/v1", "http://a:8000/v1", False),
        ("http://a", "http://a.evil.example", False),
        ("http://models.example", "http://xmodels.example", False),
        ("https://*.example.com", "https://a.example.com", True),
        ("https://*.example.com", "https://a.b.example.com/v1", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://aexample.com", False),
        ("https://*.example.com:8443/v1", "https://a.example.com:8443/v1/x", True),
        ("https://*.example.com", "https://a.example.com.evil.example", False),
        ("http://[::ffff:10.0.0.1]", "http://[::ffff:a00:1]", True),
        ("*", "http://10.1.2.3:8000/v1", True),
        ("*", "https://models.example.com", True),
        ("*", "http://[2001:db8::1]", True),
    ],
)
def test_an_entry_covers_itself_and_all_below(entry: str, url: str, covered: bool) -> None:
    assert allowed(url, [entry]) is covered
    assert allowed(url, ["http://another", entry]) is covered


NAMED_ONLY = [
    "http://localhost", "http://LOCALHOST:8000", "http://models.localhost", "http://127.0.0.1", "http://127.8.8.8:9",
    "http://0.0.0.0", "http://0.1.2.3", "http://169.254.169.254/latest", "http://224.0.0.1", "http://255.255.255.255",
    "http://240.0.0.1", "http://[::1]", "http://[::]", "http://[fe80::1]", "http://[febf::1]", "http://[ff02::1]",
    "http://[::ffff:127.0.0.1]", "http://[::ffff:169.254.169.254]", "http://[::127.0.0.1]", "http://[fd00:ec2::254]",
    "http://[64:ff9b::169.254.169.254]", "http://[2002:7f00:1::]",
]  # fmt: skip


@pytest.mark.parametrize("url", NAMED_ONLY)
def test_the_machine_itself_its_link_and_metadata_servers_must_be_named(url: str) -> None:
    assert not allowed(url, [ANY])
    assert allowed(url, [url.lower()])
    assert allowed(url, [ANY, url])
    assert not allowed(url, [])


def test_a_pattern_names_nobody() -> None:
    assert not allowed("http://models.localhost", ["http://*.localhost"])
    assert named(parse("http://a/v1"), ["*", "http://a"])
    assert not named(parse("http://x.a/v1"), ["*", "http://*.a"])


@pytest.mark.parametrize("entry", ["", "**", "*.example.com", "http://*", "http://*.", "http://a*.b", "http://*.*.b",
                                   "http://*.10.0.0.1", "https://x@*.b", "http://a?b"])  # fmt: skip
def test_what_is_no_entry(entry: str) -> None:
    with pytest.raises(ValueError, match=r"^(an address )?(has|is|must) "):
        parse_entry(entry)


addresses = st.ip_addresses().map(str)
hosts = st.one_of(
    addresses.map(lambda a: f"[{a}]" if ":" in a else a),
    st.integers(0, 2**32 - 1).map(str),
    st.integers(0, 2**32 - 1).map(hex),
    st.integers(0, 2**32 - 1).map(lambda n: f"0{n:o}"),
    st.lists(st.sampled_from(["127", "0", "1", "0x7f", "0177", "254", "169", "a", "localhost", ""]), max_size=5).map(
        ".".join
    ),
    st.text("localhst.0127[]:%@\\/é\t\n ", max_size=20),
)
urls = st.one_of(
    st.text(max_size=300),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["http://", "https://", "HTTP://", "ftp://", "http:/", "//", ""]),
        hosts,
        st.sampled_from(["", ":80", ":0", ":99999", ":", ":8٠", "@x", "%00"]),
        st.text("/.%2e?#ab;@", max_size=12),
    ),
)


@given(urls)
@example("http://127.1")
def test_whatever_is_covered_is_read_by_others_as_it_is_here(url: str) -> None:
    """No address that is let through leads another reader, the resolver among them, to a guarded place."""
    if not allowed(url, [ANY]):
        return
    endpoint = parse(url)
    assert len(url) <= MOST_CHARACTERS
    other = urlsplit(url)
    assert (other.scheme, other.username, other.query, other.fragment) == (endpoint.scheme, None, "", "")
    assert other.hostname is not None
    assert other.hostname == endpoint.host or ip_address(other.hostname) == ip_address(endpoint.host)
    assert (other.port or {"http": 80, "https": 443}[other.scheme]) == endpoint.port
    assert ".." not in endpoint.path
    assert "%" not in endpoint.path
    assert "localhost" not in endpoint.host.split(".")[-1:]
    try:
        number = socket.inet_aton(endpoint.host)  # which takes all the odd spellings
    except OSError:
        return
    assert socket.inet_ntoa(number) == endpoint.host
    assert peer_allowed(endpoint.host)


@given(urls, st.lists(urls | st.just(ANY), max_size=3))
def test_any_text_is_covered_or_not(url: str, texts: list[str]) -> None:
    entries = []
    for text in texts:
        try:
            parse_entry(text)
        except ValueError:
            continue
        entries.append(text)
    assert allowed(url, entries) in (True, False)


@given(st.ip_addresses(v=4))
def test_an_ipv4_peer_is_judged_alike_however_ipv6_carries_it(found: IPv4Address) -> None:
    wanted = not any(found in network for network in GUARDED)
    carried = [f"::ffff:{found}", f"64:ff9b::{found}", f"2002:{int(found) >> 16:x}:{int(found) & 0xFFFF:x}::1"]
    assert [peer_allowed(peer) for peer in (str(found), *carried)] == [wanted] * 4


@pytest.mark.parametrize(
    "peer", ["10.0.0.1", "8.8.8.8", "2001:db8::1", "fd00::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_a_peer_elsewhere_may_serve(peer: str) -> None:
    assert peer_allowed(peer)


@pytest.mark.parametrize("peer", ["", "models", "127.0.0.1", "::1", "fe80::1%eth0", "::ffff:7f00:1", "/run/x.sock"])
def test_a_peer_here_may_not(peer: str) -> None:
    assert not peer_allowed(peer)
