"""Client addresses: never to be forged, whatever is sent."""

import ipaddress
import time

from hypothesis import given
from hypothesis import strategies as st

from seatrial_runtime.guard.hosts import Hosts, allow_list
from seatrial_runtime.guard.peers import (
    Peers,
    forwarded_https,
    parse_address,
    queued_s,
    rate_key,
)

TRUSTED = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "127.0.0.0/8", "fd00::/8")))
peers = Peers(TRUSTED)

addresses = st.ip_addresses()
outside = addresses.filter(lambda one: not any(one in network for network in TRUSTED)).filter(
    lambda one: getattr(one, "ipv4_mapped", None) is None
)
proxies = st.one_of(
    st.ip_addresses(v=4, network="10.0.0.0/8"), st.ip_addresses(v=6, network="fd00::/8")
)
# What a client may send: addresses, lists of them, and anything else.
forged = st.one_of(st.text(max_size=80), st.lists(addresses.map(str), max_size=6).map(",".join))


def with_port(address: object, port: int | None) -> str:
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"


written = st.builds(with_port, outside, st.one_of(st.none(), st.integers(1, 65535)))


@given(forged, written, st.lists(proxies.map(str), max_size=5), st.sampled_from(["", " ", "\t"]))
def test_the_client_is_what_the_outermost_trusted_proxy_saw(
    start: str, seen: str, hops: list[str], space: str
) -> None:
    header = f",{space}".join([start, seen, *hops])
    expected = parse_address(seen)
    assert peers.client("10.0.0.1", header) == str(expected)


@given(st.text(max_size=60))
def test_any_text_gives_an_address(text: str) -> None:
    ipaddress.ip_address(Peers(TRUSTED).client("10.0.0.1", text))


@given(outside.map(str))
def test_only_trusted_peers_are_trusted(peer: str) -> None:
    assert not Peers(TRUSTED).trusts(peer)


def test_unix_sockets_and_mapped_addresses_are_trusted() -> None:
    assert peers.trusts("") and peers.trusts("127.0.0.1") and peers.trusts("::ffff:10.1.2.3")
    assert not peers.trusts("::ffff:11.1.2.3")
    assert peers.client("", "203.0.113.9") == "203.0.113.9"


def test_garbage_ends_the_walk() -> None:
    assert peers.client("10.0.0.1", "198.51.100.1, unknown, 10.0.0.2") == "10.0.0.2"
    assert peers.client("10.0.0.1", "198.51.100.1, _hidden") == "10.0.0.1"
    assert peers.client("10.0.0.1", "") == "10.0.0.1"
    for bad in ("1.2.3.4:x", "[::1", "[::1]x", "1.2.3.4:1234567", "::1:99999:z", "1.2.3.4.5"):
        assert parse_address(bad) is None, bad


def test_a_long_chain_is_not_walked_for_ever() -> None:
    assert peers.client("10.0.0.1", "203.0.113.9," + ",".join(["10.0.0.3"] * 5000)) == "10.0.0.3"


def test_forged_headers_do_not_fill_the_memory() -> None:
    own = Peers(TRUSTED)
    for number in range(20000):
        own.client("10.0.0.1", f"203.0.113.9, {number}")
        own.trusts(f"203.0.{number % 256}.{number // 256}")
    assert len(own._clients) <= 8192 and len(own.known) <= 8192


def test_one_customer_of_ipv6_has_one_bucket() -> None:
    assert rate_key("2001:db8::1") == rate_key("2001:db8::ffff:1") == "2001:db8::"
    assert rate_key("2001:db8:0:1::1") != rate_key("2001:db8::1")
    assert rate_key("192.0.2.1") == "192.0.2.1" and rate_key("") == ""


def test_the_nearest_proxy_says_whether_it_was_https() -> None:
    assert forwarded_https("https") and forwarded_https("http, HTTPS ")
    assert not forwarded_https("https, http") and not forwarded_https("")


def test_queue_time_in_each_unit() -> None:
    now_s = time.time()
    for text in (f"t={now_s - 2:.3f}", f"{(now_s - 2) * 1e3:.0f}", f"t={(now_s - 2) * 1e6:.0f}"):
        waited_s = queued_s(text)
        assert waited_s is not None and 1.9 < waited_s < 60, text
    for text in ("", "t=", "soon", "t=-5", f"{now_s + 100}", f"{now_s - 7200}", "9" * 40, "²"):
        assert queued_s(text) is None, text


@given(st.text(max_size=40))
def test_queue_time_of_any_text(text: str) -> None:
    waited_s = queued_s(text)
    assert waited_s is None or 0 <= waited_s <= 3600


def test_hosts() -> None:
    hosts = Hosts(("example.org", "*.example.org", "[::1]", "127.0.0.1"))
    for good in ("example.org", "EXAMPLE.org:8000", "a.b.example.org", "example.org.", "[::1]:80"):
        assert hosts.allows(good), good
    assert hosts.allows("[::1]") and hosts.allows("127.0.0.1:9")
    for bad in (
        "",
        "example.com",
        "evilexample.org",
        "example.org.evil.com",
        "127.0.0.2",
        ".",
        ":",
        "evil.com/.example.org",
        "evil.com,a.example.org",
        "evil.com\\@.example.org",
    ):
        assert not hosts.allows(bad), bad
    assert allow_list(("a", "*")) is None
