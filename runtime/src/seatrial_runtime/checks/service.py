"""The address of a service, as apps write it: the URL of a database, a cache or a broker."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

# More than urlsplit takes: passwords with / ? and # in them, which SQLAlchemy's URLs may have.
_URL = re.compile(
    r"""(?P<scheme>[A-Za-z][\w.+-]*)://
    (?:(?P<user>[^:/]*)(?::(?P<password>[^@]*))?@)?
    (?:\[(?P<ipv6>[^/?]+)\]|(?P<host>[^/:?]+))?(?::(?P<port>[^/?]*))?
    (?:/(?P<path>[^?]*))?(?:\?(?P<query>.*))?""",
    re.VERBOSE | re.DOTALL,
)
_MAX_REASON_CHARS = 300

AUTO = {
    "database": ("DATABASE_URL", "POSTGRES_URL", "SQLALCHEMY_DATABASE_URI"),
    "cache": ("REDIS_URL", "CACHE_URL"),
    "broker": ("CELERY_BROKER_URL", "BROKER_URL"),
}
"""Variables by the name of the check; the first that is set is asked."""


class CheckError(Exception):
    """Why a service is not there; the text may hold what the service answered."""


@dataclass(frozen=True)
class Service:
    """One URL, taken apart. `kind` is its scheme without the driver; `path` has no first `/`."""

    url: str = field(repr=False)
    kind: str
    driver: str
    host: str
    port_text: str
    path: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)

    def port(self, usual: int) -> int:
        """The port, or the usual one of this kind of service."""
        if not self.port_text:
            return usual
        if not (self.port_text.isascii() and self.port_text.isdecimal()):
            raise CheckError("the port in its URL is not a number")
        return int(self.port_text)


def service_of(url: str) -> Service:
    """Read a URL; CheckError, without the URL in it, when it is none."""
    match = _URL.fullmatch(url.strip())
    if match is None:
        raise CheckError("is not a URL like redis://host:6379/0")
    kind, _, driver = match["scheme"].lower().partition("+")
    return Service(
        url=url.strip(),
        kind=kind,
        driver=driver,
        host=match["ipv6"] or unquote(match["host"] or ""),
        port_text=match["port"] or "",
        path=unquote(match["path"] or ""),
        user=unquote(match["user"] or ""),
        password=unquote(match["password"] or ""),
        query=dict(parse_qsl(match["query"] or "")),
    )


def without_secrets(text: str, url: str) -> str:
    """A reason in one line, without the URL and its password however they are written."""
    match = _URL.fullmatch(url.strip())
    found = [url, url.strip()]
    if match:
        found += [match["password"] or "", unquote(match["password"] or "")]
        found += [value for _, value in parse_qsl(match["query"] or "") if len(value) > 5]
    for value in sorted(filter(None, found), key=len, reverse=True):
        text = text.replace(value, "***")
    return " ".join(text.split())[:_MAX_REASON_CHARS]


def found_in(environ: Mapping[str, str]) -> dict[str, str]:
    """What `auto` asks: a URL by the name of the check, each service once."""
    found: dict[str, str] = {}
    for name, variables in AUTO.items():
        url = next((environ[one] for one in variables if environ.get(one)), "")
        if url and url not in found.values():
            found[name] = url
    return found
