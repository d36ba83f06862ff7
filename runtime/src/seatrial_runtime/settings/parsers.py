"""Reading the text of one option; ValueError with the words that follow the quoted value."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PERIODS_S = {"s": 1, "sec": 1, "min": 60, "h": 3600, "hour": 3600, "day": 86400}
_BYTES = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "kib": 2**10, "m": 10**6, "mb": 10**6}
_BYTES |= {"mib": 2**20, "gb": 10**9, "gib": 2**30}
CHECKED: tuple[str, ...] = (
    "postgresql",
    "postgres",
    "mysql",
    "mariadb",
    "sqlite",
    "redis",
    "rediss",
    "valkey",
)
CHECKED += ("valkeys", "unix", "amqp", "amqps", "pyamqp", "http", "https", "tcp")
"""Kinds of URL for which there is a check."""
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]+/([a-z0-9.+-]+|\*)", re.ASCII)
_PREFIX = re.compile(r"/[!-~]*")


@dataclass(frozen=True)
class Rate:
    """`count` requests in each `period_s` seconds; a burst of `count` is let through at once."""

    count: int
    period_s: int

    def __str__(self) -> str:
        names = {1: "s", 60: "min", 3600: "h", 86400: "day"}
        return f"{self.count}/{names.get(self.period_s, f'{self.period_s}s')}"


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number within bounds."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
            raise ValueError(f"is not a whole number from {low} to {high}")
        return int(text)

    return parse


def whole_or_auto(low: int, high: int) -> Callable[[str], int | None]:
    """A whole number within bounds, or None for `auto`."""
    number = whole(low, high)

    def parse(text: str) -> int | None:
        try:
            return None if text == "auto" else number(text)
        except ValueError as error:
            raise ValueError(f"is neither auto nor {str(error).removeprefix('is not ')}") from None

    return parse


def seconds(low: float, high: float) -> Callable[[str], float]:
    """A number of seconds within bounds."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) or not low <= float(text) <= high:
            raise ValueError(f"is not a number of seconds from {low:g} to {high:g}")
        return float(text)

    return parse


def path(text: str) -> str:
    """The path of a URL."""
    if not re.fullmatch(r"/[!-~]*", text):
        raise ValueError("is not a URL path: start it with '/', without spaces")
    return text


def paths(text: str) -> tuple[str, ...]:
    """Beginnings of URL paths, with commas between them."""
    found = _listed(text)
    if not all(_PREFIX.fullmatch(one) for one in found):
        raise ValueError("is not a list of URL paths: start each with '/', commas between them")
    return found


def path_seconds(text: str) -> tuple[tuple[str, float], ...]:
    """PATH=S,..: seconds by the beginning of a URL path; the longest beginning first."""
    found: dict[str, float] = {}
    for one in _listed(text):
        prefix, equals, number = one.rpartition("=")
        if not equals or not _PREFIX.fullmatch(prefix):
            raise ValueError("is not a list of PATH=SECONDS")
        found[prefix] = seconds(0, 86400)(number)
    return tuple(sorted(found.items(), key=lambda item: (-len(item[0]), item[0])))


def directory(text: str) -> str:
    """A folder that is there, as an absolute path."""
    if not Path(text).is_dir():
        raise ValueError("is not a directory")
    return str(Path(text).resolve())


def switch(text: str) -> bool:
    """True or false, as people write them."""
    choices = {"1": True, "true": True, "yes": True, "on": True}
    choices |= {"0": False, "false": False, "no": False, "off": False}
    if text.lower() not in choices:
        raise ValueError("is neither true nor false")
    return choices[text.lower()]


def one_of(*choices: str) -> Callable[[str], str]:
    """One of some words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"is not one of {', '.join(choices[:-1])} and {choices[-1]}")
        return text

    return parse


def upper_of(*choices: str) -> Callable[[str], str]:
    """One of some words in capitals; the case does not matter."""
    choice = one_of(*choices)
    return lambda text: choice(text.upper())


def names(text: str) -> tuple[str, ...]:
    """Names of environment variables."""
    found = _listed(text)
    for name in found:
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise ValueError("is not a list of variable names")
    return found


def header(text: str) -> str:
    """The name of a header, in lower case; empty for none."""
    if text and not re.fullmatch(r"[A-Za-z0-9-]{1,64}", text, re.ASCII):
        raise ValueError("is not the name of a header")
    return text.lower()


def hosts(text: str) -> tuple[str, ...]:
    """Host names; `*` for any, `*.example.org` for every name below."""
    found = tuple(host.lower() for host in _listed(text))
    for host in found:
        if host != "*" and not re.fullmatch(r"(\*\.)?[a-z0-9.:\[\]-]+", host, re.ASCII):
            raise ValueError("is not a list of host names")
    if not found:
        raise ValueError("names no host; '*' is any")
    return found


def media_types(text: str) -> tuple[str, ...]:
    """Media types; `image/*` for every image; empty for no limit."""
    found = tuple(one.lower() for one in _listed(text))
    if not all(_MEDIA_TYPE.fullmatch(one) for one in found):
        raise ValueError("is not a list of media types like application/pdf,image/*")
    return found


def networks(text: str) -> tuple[Network, ...]:
    """Networks in CIDR form; a single address is a network of one."""
    try:
        return tuple(ipaddress.ip_network(one) for one in _listed(text))
    except ValueError:
        raise ValueError("is not a list of networks like 10.0.0.0/8") from None


def size(text: str) -> int:
    """A number of bytes, with a unit if wanted; 0 for no limit."""
    match = re.fullmatch(r"(\d{1,15})\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if not match or match[2] not in _BYTES:
        raise ValueError("is not a size like 10MiB")
    return int(match[1]) * _BYTES[match[2]]


def rate(text: str) -> Rate | None:
    """COUNT/PERIOD, or `none`."""
    if text.lower() == "none":
        return None
    match = re.fullmatch(r"(\d{1,9})/(\d{0,5})([a-z]+)", text.lower(), re.ASCII)
    if not match or match[3] not in _PERIODS_S or int(match[1]) == 0 or match[2] == "0":
        raise ValueError("is neither none nor a rate like 60/min")
    return Rate(int(match[1]), int(match[2] or 1) * _PERIODS_S[match[3]])


def store(text: str) -> str:
    """`memory`, or the URL of a Redis."""
    if text != "memory" and not re.match(r"(rediss?|unix)://", text):
        raise ValueError("is neither memory nor a URL like redis://host:6379/0")
    return text


def checks(text: str) -> tuple[tuple[str, str], ...] | None:
    """NAME=URL,..: what has to answer before the app is ready; None for `auto`, () for `none`."""
    if text in ("auto", "none"):
        return None if text == "auto" else ()
    found = []
    for one in _listed(text):
        name, equals, url = one.partition("=")
        if not equals or not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name):
            raise ValueError("is not a list of NAME=URL")
        kind, colon, _ = url.partition("://")
        if not colon and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", url):
            raise ValueError(f"gives {name} neither a URL nor the name of a variable")
        if colon and kind.lower().partition("+")[0] not in CHECKED:
            raise ValueError(f"gives {name} a URL of none of {', '.join(CHECKED)}")
        found.append((name, url))
    if len(dict(found)) < len(found):
        raise ValueError("has a name twice")
    return tuple(found)


def secrets_source(text: str) -> str:
    """Where secrets come from; empty for nowhere."""
    if text and not re.match(r"(files:/|aws:|azure:https://|gcp:projects/).+", text):
        raise ValueError("is none of files:/DIR, aws:NAME, azure:https://VAULT and gcp:projects/…")
    return text


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())
