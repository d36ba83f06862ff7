"""Who the client is, told by the peer's address and by proxies that are trusted."""

import ipaddress
import time
from collections.abc import Sequence

from seatrial_runtime.settings.parsers import Network

_MAX_HOPS = 20
_MAX_CACHED = 8192
_MAX_QUEUE_S = 3600.0

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Peers:
    """Answers by trusted networks. A peer without an address, on a UNIX socket, is trusted."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._networks = tuple(trusted)
        # All are emptied when full: forged headers must not fill the memory.
        self.known: dict[str, bool] = {"": True}
        """Who was asked about before: a look at it is cheaper than a call of `trusts`."""
        self._clients: dict[tuple[str, str], str] = {}
        self.told: dict[tuple[str, bytes], str] = {}
        """Clients by peer and undecoded header, for ASGI."""

    def trusts(self, peer: str) -> bool:
        """Whether the forwarding headers of this peer are believed."""
        known = self.known.get(peer)
        if known is None:
            address = parse_address(peer)
            # What is no address at all is a UNIX socket's path.
            known = address is None or self._inside(address)
            if len(self.known) >= _MAX_CACHED:
                self.known = {"": True}
            self.known[peer] = known
        return known

    def client(self, peer: str, forwarded: str, header: bytes | None = None) -> str:
        """The client's address, by the peer and its X-Forwarded-For; call it for trusted peers.

        Proxies add to the right, so the list is walked from there, through trusted addresses. The
        first other one is the client; nothing to the left of it, nor of what is no address, counts.
        Where the `header` is given, `told` has the answer afterwards.
        """
        known = self._clients.get((peer, forwarded))
        if known is None:
            known = self._walk(peer, forwarded)
            if len(self._clients) >= _MAX_CACHED:
                self._clients = {}
            if len(forwarded) <= 1024:
                self._clients[peer, forwarded] = known
        if header is not None and len(header) <= 1024:
            if len(self.told) >= _MAX_CACHED:
                self.told = {}
            self.told[peer, header] = known
        return known

    def _walk(self, peer: str, forwarded: str) -> str:
        client = peer
        for text in reversed(forwarded.rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]):
            address = parse_address(text.strip())
            if address is None:
                break
            client = str(address)
            if not self._inside(address):
                break
        return client

    def _inside(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def parse_address(text: str) -> Address | None:
    """An address as proxies write it, with a port or brackets; None for anything else."""
    if text.startswith("["):
        text, closed, rest = text[1:].partition("]")
        if not closed or (rest and not _is_port(rest)):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(":" + port):
            return None
    try:
        # A zone is a matter of the machine that named it.
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_port(text: str) -> bool:
    return text[:1] == ":" and len(text) <= 6 and text[1:].isascii() and text[1:].isdecimal()


def rate_key(client: str) -> str:
    """Who shares a bucket with `client`: for IPv6 its /64, which one customer has whole."""
    if ":" not in client:
        return client
    address = parse_address(client)
    if not isinstance(address, ipaddress.IPv6Address):
        return client
    return str(ipaddress.IPv6Address(int(address) >> 64 << 64))


def forwarded_https(header: str) -> bool:
    """Whether X-Forwarded-Proto says so; the last word is that of the nearest proxy."""
    return header == "https" or header.rpartition(",")[2].strip().lower() == "https"


def queued_s(header: str) -> float | None:
    """Seconds since X-Request-Start, in seconds, milli- or microseconds, with or without `t=`.

    None for what is no time, lies ahead, or lies more than an hour back.
    """
    text = header.strip().removeprefix("t=")
    if len(text) > 32 or not text.replace(".", "", 1).isdecimal() or not text.isascii():
        return None
    began_s = float(text)
    for unit in (1e14, 1e11):  # Today is 1.8e9 s, 1.8e12 ms, 1.8e15 us.
        if began_s > unit:
            began_s /= unit / 1e8
            break
    waited_s = time.time() - began_s
    return waited_s if 0 <= waited_s <= _MAX_QUEUE_S else None
