"""Which check a URL gets, by its scheme."""

from collections.abc import Callable

from seatrial_runtime.checks import brokers, databases, web
from seatrial_runtime.checks.service import Service, service_of

_BY_KIND: dict[str, Callable[[Service, float], str]] = {
    **dict.fromkeys(("postgresql", "postgres"), databases.postgresql),
    **dict.fromkeys(("mysql", "mariadb"), databases.mysql),
    **dict.fromkeys(("redis", "rediss", "valkey", "valkeys", "unix"), brokers.redis),
    **dict.fromkeys(("amqp", "amqps", "pyamqp"), brokers.amqp),
    **dict.fromkeys(("http", "https"), web.http_get),
    "tcp": web.tcp,
}


def ask(url: str, folder: str, timeout_s: float) -> str:
    """Ask the service of a URL; returns how far a good answer goes, empty for all the way.

    `folder` is where a relative path begins. Raises CheckError or OSError when it is not there.
    """
    service = service_of(url)
    if service.kind in ("sqlite", "sqlite3"):
        return databases.sqlite(service, folder)
    one = _BY_KIND.get(service.kind)
    return one(service, timeout_s) if one else f"not asked: there is no check for {service.kind}"
