"""What gets installed in all: the dependencies, what they need, and so on."""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.kernel.workload import Dependency
from seatrial.profiler.dependencies.reading import Lock, Package
from seatrial.profiler.dependencies.wheels import wheel
from seatrial.profiler.dependencies.written import extras, version

PACKAGES_MAX = 5_000
_LEAVES = frozenset({
    "certifi", "idna", "urllib3", "six", "markupsafe", "charset-normalizer", "sniffio", "h11",
    "typing-extensions", "blinker", "itsdangerous", "annotated-types", "pycparser", "zipp",
    "pydantic-core", "mako", "amqp", "vine", "tzdata", "sqlparse", "asgiref",
})  # fmt: skip
# What popular extras bring. Source: the distributions' own metadata, 2026-11-21.
_EXTRAS: dict[tuple[str, str], tuple[str, ...]] = {
    ("uvicorn", "standard"): (
        "httptools", "python-dotenv", "pyyaml", "uvloop", "watchfiles", "websockets",
    ),
    ("fastapi", "standard"): (
        "fastapi-cli", "httpx", "jinja2", "python-multipart", "email-validator", "uvicorn",
        "pydantic-settings",
    ),
    ("fastapi", "all"): (
        "fastapi-cli", "httpx", "jinja2", "python-multipart", "email-validator", "uvicorn",
        "pydantic-settings", "itsdangerous", "pyyaml", "orjson",
    ),
    ("psycopg", "binary"): ("psycopg-binary",), ("psycopg", "c"): ("psycopg-c",),
    ("psycopg", "pool"): ("psycopg-pool",), ("celery", "redis"): ("redis",),
    ("celery", "sqs"): ("boto3",), ("redis", "hiredis"): ("hiredis",),
    ("kombu", "redis"): ("redis",), ("sqlalchemy", "asyncio"): ("greenlet",),
    ("passlib", "bcrypt"): ("bcrypt",), ("python-jose", "cryptography"): ("cryptography",),
    ("pyjwt", "crypto"): ("cryptography",), ("requests", "socks"): ("pysocks",),
    ("httpx", "http2"): ("h2",), ("flask", "async"): ("asgiref",),
    ("flask", "dotenv"): ("python-dotenv",), ("pydantic", "email"): ("email-validator",),
    ("moto", "s3"): (), ("transformers", "torch"): ("torch", "accelerate"),
    ("gunicorn", "gevent"): ("gevent",), ("gunicorn", "eventlet"): ("eventlet",),
}  # fmt: skip


def of(
    dependencies: Sequence[Dependency], lock: Lock | None, cpu: bool
) -> tuple[tuple[Package, ...], tuple[str, ...]]:
    """All packages, and the names of those of which it is not known what they need."""
    if lock is not None:
        return _locked(dependencies, lock), ()
    found: dict[str, Package] = {}
    unknown: set[str] = set()
    exact = {one.name: version(one) for one in dependencies}
    cpu = cpu or "+cpu" in exact.get("torch", "")
    waiting = [one.name for one in dependencies]
    waiting += [name for one in dependencies for name in brought(one)]
    while waiting and len(found) < PACKAGES_MAX:
        name = waiting.pop()
        if name in found:
            continue
        row = wheel(name, cpu)
        if row is None:
            unknown.add(name)
        requires = row.requires if row else ()
        found[name] = Package(name=name, version=exact.get(name, ""), requires=requires)
        waiting += requires
    if _frozen(dependencies, exact, found):
        return tuple(found[name] for name in sorted(exact)), ()
    return tuple(found[name] for name in sorted(found)), tuple(sorted(unknown))


def _frozen(
    dependencies: Sequence[Dependency], exact: dict[str, str], found: dict[str, Package]
) -> bool:
    """Whether a list was written from an environment: it pins all, and lacks hardly anything.

    The table of wheels knows newer releases, which may need others; so the packages that nobody
    lists by hand tell it too.
    """
    pinned = sum(1 for one in dependencies if exact[one.name] or "@" in one.specifier)
    if len(exact) < 4 or pinned < 0.9 * len(exact):
        return False
    needed = {name for one in exact for name in found[one].requires}
    return len(_LEAVES & set(exact)) >= 3 or len(needed - set(exact)) <= 0.1 * len(needed)


def bringer(
    dependencies: Sequence[Dependency], packages: Sequence[Package], name: str
) -> Dependency | None:
    """The dependency that needs a package, itself or through others; the first of several."""
    needs = {one.name: one.requires for one in packages}
    for one in sorted(dependencies, key=lambda one: (one.name != name, one.name)):
        seen = {one.name, *brought(one)}
        waiting = list(seen)
        while waiting:
            for needed in needs.get(waiting.pop(), ()):
                if needed not in seen:
                    seen.add(needed)
                    waiting.append(needed)
        if name in seen:
            return one
    return None


def brought(one: Dependency) -> tuple[str, ...]:
    """What a dependency's extras bring, as far as that is known."""
    return tuple(
        name for extra in sorted(extras(one)) for name in _EXTRAS.get((one.name, extra), ())
    )


def _locked(dependencies: Sequence[Dependency], lock: Lock) -> tuple[Package, ...]:
    """What of a lock the dependencies lead to; all of it where it says no relations."""
    if not any(one.requires for one in lock.packages.values()):
        return tuple(lock.packages[name] for name in sorted(lock.packages))
    found: dict[str, Package] = {}
    waiting = [one.name for one in dependencies]
    waiting += [name for one in dependencies for name in brought(one)]
    while waiting:
        name = waiting.pop()
        package = lock.packages.get(name)
        if package is not None and name not in found:
            found[name] = package
            waiting += package.requires
    return tuple(found[name] for name in sorted(found))
