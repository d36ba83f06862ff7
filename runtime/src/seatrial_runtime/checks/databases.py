"""PostgreSQL, MySQL and SQLite."""

import importlib
import importlib.util
import sqlite3
import struct
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from seatrial_runtime.checks.service import CheckError, Service
from seatrial_runtime.checks.wire import Wire, connected, connected_unix, unverified_tls

# What libpq knows; drivers and ORMs put words of their own into the same URL.
_LIBPQ = {"host", "port", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey"}
_LIBPQ |= {"options", "target_session_attrs", "channel_binding", "gssencmode", "passfile"}
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_PROTOCOL_3 = 196608
_MAX_MESSAGE_BYTES = 65536


def postgresql(service: Service, timeout_s: float) -> str:
    """`SELECT 1` with the driver that is there; without one, the first words of a login."""
    names = [service.driver, *_DRIVERS]
    for name in names:
        # Found without importing: most of them are not there.
        if name in _DRIVERS and importlib.util.find_spec(name.partition(".")[0]) is not None:
            try:
                driver = importlib.import_module(name)
            except ImportError:
                continue  # psycopg without the C library it needs.
            _DRIVERS[name](driver, service, timeout_s)
            return ""
    _greet_postgresql(service, timeout_s)
    return "handshake only: no psycopg, psycopg2 or pg8000 is installed to log in with"


def _ask_libpq(driver: Any, service: Service, timeout_s: float) -> None:
    try:
        # libpq takes whole seconds, two at least; who asks does not wait longer than it wants.
        connection = driver.connect(_conninfo(service), connect_timeout=max(2, int(timeout_s)))
    except driver.Error as error:
        raise CheckError(str(error)) from None
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        cursor.fetchone()
    except driver.Error as error:
        raise CheckError(str(error)) from None
    finally:
        connection.close()


def _ask_pg8000(driver: Any, service: Service, timeout_s: float) -> None:
    secure = service.query.get("sslmode", "") in ("require", "verify-ca", "verify-full")
    folder = service.query.get("host", "")
    where: dict[str, object] = {"host": service.host or folder or "localhost"}
    where["port"] = service.port(5432)
    if folder.startswith("/"):
        where = {"unix_sock": f"{folder}/.s.PGSQL.{service.port(5432)}"}
    try:
        connection = driver.Connection(
            service.user or service.query.get("user", "postgres"),
            database=service.path or None,
            password=service.password or service.query.get("password"),
            ssl_context=unverified_tls() if secure else None,
            timeout=timeout_s,
            **where,
        )
    except driver.Error as error:
        raise CheckError(_told(error)) from None
    try:
        connection.run("SELECT 1")
    except driver.Error as error:
        raise CheckError(_told(error)) from None
    finally:
        connection.close()


_DRIVERS: dict[str, Callable[[Any, Service, float], None]] = {
    "psycopg": _ask_libpq,
    "psycopg2": _ask_libpq,
    "pg8000.native": _ask_pg8000,
}


def _told(error: Exception) -> str:
    """pg8000 gives the server's fields as they are, M is the message; else its cause knows why."""
    if isinstance(error.__cause__, OSError):
        return error.__cause__.strerror or str(error.__cause__)
    found = error.args[0] if error.args else error
    return str(found.get("M", found)) if isinstance(found, dict) else str(found)


def _conninfo(service: Service) -> str:
    """The URL as libpq takes it: no driver in the scheme, no words of others in the query."""
    query = {name: value for name, value in service.query.items() if name in _LIBPQ}
    if service.query.get("ssl") in ("require", "verify-ca", "verify-full"):
        query.setdefault("sslmode", service.query["ssl"])  # asyncpg's word for it.
    query["application_name"] = "seatrial-run"
    words = urllib.parse.urlencode(query, quote_via=quote)
    login = quote(service.user, safe="")
    if service.password:
        login += f":{quote(service.password, safe='')}"
    # More than one host may stand there, with commas.
    host = f"[{service.host}]" if ":" in service.host else quote(service.host, safe=",")
    where = host + (f":{service.port_text}" if service.port_text else "")
    begin = f"postgresql://{login}@" if login else "postgresql://"
    return f"{begin}{where}/{quote(service.path, safe='')}?{words}"


def _greet_postgresql(service: Service, timeout_s: float) -> None:
    """Ask to log in: a server that is up and takes connections asks for the password."""
    host, port = service.host or service.query.get("host", "localhost"), service.port(5432)
    if host.startswith("/"):
        with connected_unix(f"{host}/.s.PGSQL.{port}", timeout_s) as wire:
            _begin_login(wire, service)
        return
    with connected(host, port, timeout_s) as wire:
        wire.send(_SSL_REQUEST)
        answer = wire.read(1)
        if answer == b"S":
            wire.begin_tls(unverified_tls(), host)
        elif answer != b"N":
            raise CheckError("it does not speak the protocol of PostgreSQL")
        _begin_login(wire, service)


def _begin_login(wire: Wire, service: Service) -> None:
    words = ["user", service.user or "postgres", "database", service.path or service.user]
    body = struct.pack("!i", _PROTOCOL_3) + "\0".join([*words, "", ""]).encode()
    wire.send(struct.pack("!i", len(body) + 4) + body)
    kind = wire.read(1)
    length = struct.unpack("!i", wire.read(4))[0] - 4
    if kind not in (b"R", b"E") or not 0 <= length <= _MAX_MESSAGE_BYTES:
        raise CheckError("it does not speak the protocol of PostgreSQL")
    if kind == b"E":
        fields = wire.read(length).decode(errors="replace").split("\0")
        raise CheckError(next((one[1:] for one in fields if one[:1] == "M"), "it refuses"))


def mysql(service: Service, timeout_s: float) -> str:
    """The server's greeting; it refuses there when it has too many connections."""
    with connected(service.host or "localhost", service.port(3306), timeout_s) as wire:
        head = wire.read(4)
        length = int.from_bytes(head[:3], "little")
        if not 0 < length <= _MAX_MESSAGE_BYTES:
            raise CheckError("it does not speak the protocol of MySQL")
        body = wire.read(length)
        if body[0] == 0xFF:
            raise CheckError(body[3:].decode(errors="replace"))
        if head[3] != 0 or body[0] != 10:
            raise CheckError("it does not speak the protocol of MySQL")
    return "handshake only"


def sqlite(service: Service, folder: str) -> str:
    """The file can be read as a database; one that is not there yet can be made."""
    if service.path in ("", ":memory:"):
        return "in memory"
    path = Path(folder, service.path)
    if not path.exists():
        if not path.parent.is_dir():
            raise CheckError(f"its folder {path.parent} is not there")
        return "the file is not there yet"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise CheckError(f"{path.name}: {error}") from None
    finally:
        connection.close()
    return ""
