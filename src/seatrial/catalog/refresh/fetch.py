"""HTTP to the price lists: https only, with limits, retries, and no half answers.

A body is handed on piece by piece, so a list of any length takes little memory. One that ends
early (shorter than its Content-Length, a broken chunk, a cut gzip stream) is fetched again and
never taken for whole.
"""

from __future__ import annotations

import ipaddress
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import httpx
import stamina
from stamina.instrumentation import set_on_retry_hooks

from seatrial import __version__
from seatrial.kernel.errors import CatalogError, InputError, TransientError
from seatrial.kernel.values import Value

T = TypeVar("T")

HOMES = {
    "aws": "https://pricing.us-east-1.amazonaws.com",
    "azure": "https://prices.azure.com",
    "google": "https://cloudbilling.googleapis.com",
}
OVERRIDE = "SEATRIAL_PRICES_{}_URL"
PIECE_BYTES = 1 << 18
UNREACHED_MAX = 3
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
TOLD_EVERY_BYTES = 32 << 20

# Every retry is told as progress. Left alone, the library also logs it: on standard output, where
# only our answer belongs, as soon as structlog happens to be installed.
set_on_retry_hooks(())


class Limits(Value):
    """What a fetch may take: seconds to connect, of silence, in all; bytes; tries."""

    connect_s: float = 10.0
    silence_s: float = 30.0
    total_s: float = 3600.0
    bytes_max: int = 16 << 30
    page_bytes_max: int = 64 << 20
    pages_max: int = 2000
    attempts: int = 6
    wait_s: float = 1.0
    wait_max_s: float = 30.0


class _AgainError(Exception):
    """The list's host asks to come back, or the answer broke off."""

    def __init__(self, what: str, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.wait_s = wait_s


class Web:
    """One provider's lists: where they are, and how long to wait for them."""

    def __init__(
        self,
        home: str,
        tell: Callable[[str], None],
        limits: Limits,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.home = httpx.URL(home)
        self.tell = tell
        self.limits = limits
        self._client = httpx.Client(
            timeout=httpx.Timeout(limits.silence_s, connect=limits.connect_s),
            headers={
                "User-Agent": f"seatrial/{__version__}",
                "Accept-Encoding": "gzip",
                **(headers or {}),
            },
            # A proxy of the user's is for the internet, not for this machine.
            trust_env=not _loopback(self.home.host),
        )

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def address(self, link: str, params: Mapping[str, str] | None = None) -> httpx.URL:
        """A path or link as an address on the list's own host; another host is refused."""
        url = self.home.join(link)
        if (url.scheme, url.host, _port(url)) != (
            self.home.scheme, self.home.host, _port(self.home),
        ):  # fmt: skip
            raise CatalogError(
                f"the list points to another host: {url.scheme}://{url.host}",
                where=str(self.home), fix="do not use this list; report it",
            )  # fmt: skip
        return url.copy_merge_params(params) if params else url

    def read(
        self, url: httpx.URL, what: str, parse: Callable[[Iterator[bytes], httpx.Headers], T],
        bytes_max: int,
    ) -> T:  # fmt: skip
        """What `parse` makes of the body; it starts anew when the transfer breaks.

        Raises `TransientError` when the host cannot be reached or does not answer in time, and
        `CatalogError` when it has no such list or the body is too large.
        """
        limits = self.limits
        try:
            for attempt in stamina.retry_context(
                on=_patience(), attempts=limits.attempts, timeout=None, wait_initial=limits.wait_s,
                wait_max=limits.wait_max_s, wait_jitter=limits.wait_s / 2,
            ):  # fmt: skip
                with attempt:
                    again = f" (try {attempt.num} of {limits.attempts})" if attempt.num > 1 else ""
                    self.tell(f"reading {what}{again}")
                    return self._once(url, what, parse, bytes_max)
        except (httpx.TransportError, _AgainError) as error:
            raise TransientError(
                f"{what} cannot be fetched: {error or type(error).__name__}",
                where=f"{url.scheme}://{url.netloc.decode()}{url.path}",
                fix="check the network and try again; prices in force stay as they are",
            ) from error
        raise AssertionError("the retries neither returned nor raised")

    def _once(
        self, url: httpx.URL, what: str, parse: Callable[[Iterator[bytes], httpx.Headers], T],
        bytes_max: int,
    ) -> T:  # fmt: skip
        with self._client.stream("GET", url) as response:
            _check_status(response, url)
            return parse(self._body(response, what, bytes_max), response.headers)

    def _body(self, response: httpx.Response, what: str, bytes_max: int) -> Iterator[bytes]:
        """The decoded body in pieces; counts bytes and time."""
        until = time.monotonic() + self.limits.total_s
        size = told = 0
        for piece in _decoded(response):
            size += len(piece)
            if size > bytes_max:
                raise CatalogError(
                    f"{what} is larger than {bytes_max} bytes", where=str(response.url.host),
                    fix="this is not the price list; check the address",
                )  # fmt: skip
            if time.monotonic() > until:
                raise TransientError(
                    f"{what} took longer than {self.limits.total_s:g} s",
                    where=str(response.url.host), fix="try again on a faster network",
                )  # fmt: skip
            if size - told >= TOLD_EVERY_BYTES:
                told = size
                self.tell(f"reading {what}: {size >> 20} MiB")
            yield piece


def home(provider: str, environ: Mapping[str, str]) -> str:
    """Where a provider's lists are; the environment may name a mirror, or this machine."""
    name = OVERRIDE.format(provider.upper())
    stated = environ.get(name, "")
    if not stated:
        return HOMES[provider]
    try:
        url = httpx.URL(stated)
        good = url.scheme == "https" or (url.scheme == "http" and _loopback(url.host))
    except httpx.InvalidURL:
        good = False
    if not good or not url.host or url.userinfo:
        raise InputError(
            f"{name} is not an https address",
            where=f"environment variable {name}",
            fix="write https://HOST, or http:// with a loopback address",
        )
    return stated.rstrip("/") + "/"


def joined(pieces: Iterator[bytes], _: object = None) -> bytes:
    """A whole body, for pages that are small."""
    return b"".join(pieces)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _port(url: httpx.URL) -> int:
    return url.port or {"https": 443, "http": 80}.get(url.scheme, 0)


def _patience() -> Callable[[Exception], bool | float]:
    """Whether to try again after an error, or after how many seconds."""
    unreached = 0

    def wait(error: Exception) -> bool | float:
        nonlocal unreached
        if isinstance(error, _AgainError):
            return True if error.wait_s is None else error.wait_s
        # Nobody there: a person without network is not kept waiting for it.
        unreached += isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return isinstance(error, httpx.TransportError) and unreached < UNREACHED_MAX

    return wait


def _check_status(response: httpx.Response, url: httpx.URL) -> None:
    status = response.status_code
    if status == 200:
        return
    where = f"{url.scheme}://{url.netloc.decode()}{url.path}"
    if status in AGAIN:
        asked = response.headers.get("retry-after", "")
        # Seconds only; who asks for more than a minute is asked again by the user.
        wait_s = min(float(asked), 60.0) if asked.isdigit() else None
        raise _AgainError(f"the host answers {status} {response.reason_phrase}", wait_s)
    if status in (400, 401, 403):
        raise InputError(
            f"the host refuses: {status} {response.reason_phrase}", where=where,
            fix="check the key, if the list takes one; else report it",
        )  # fmt: skip
    raise CatalogError(
        f"no list there: {status} {response.reason_phrase}", where=where,
        fix="the list may have moved; report it",
    )  # fmt: skip


def _decoded(response: httpx.Response) -> Iterator[bytes]:
    """The body without its gzip, in pieces of bounded size; a stream that ends early is refused."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        yield from response.iter_raw()
        return
    if coding not in ("gzip", "x-gzip"):
        raise CatalogError(
            f"is encoded as {coding[:40]!r}", where=str(response.url.host), fix="report it"
        )
    unzip = zlib.decompressobj(31)
    try:
        for raw in response.iter_raw():
            while raw:
                if unzip.eof:
                    unzip = zlib.decompressobj(31)
                yield unzip.decompress(raw, PIECE_BYTES)
                raw = unzip.unused_data if unzip.eof else unzip.unconsumed_tail
    except zlib.error as error:
        raise CatalogError(
            f"is not gzip as it says: {error}", where=str(response.url.host), fix="try again"
        ) from error
    while not unzip.eof and (piece := unzip.decompress(b"", PIECE_BYTES)):
        yield piece
    if not unzip.eof:
        raise _AgainError("the compressed answer ends early")
