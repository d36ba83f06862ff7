"""Where to listen: HOST:PORT or unix:PATH, bound once by the supervisor."""

import contextlib
import errno
import os
import socket
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

_BACKLOG = 2048  # Connections that wait while the server behind the socket is restarted.


class AddressError(Exception):
    """An address that cannot be listened on; the text says which, why and what to do."""


@dataclass(frozen=True)
class Address:
    """A TCP host and port, or the path of a UNIX socket (then `host` is empty and `port` 0)."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read HOST:PORT, [IPV6]:PORT or unix:PATH; ValueError says what is wrong with it."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path:
            raise ValueError("has no path after 'unix:'")
        # The app may change directory; the socket stays where the caller meant it.
        return Address(path=os.path.abspath(path))
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("needs brackets around the IPv6 host")
    if not colon or not host:
        raise ValueError("is neither HOST:PORT nor unix:PATH")
    if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
        raise ValueError("needs a port from 1 to 65535")
    return Address(host=host, port=int(port))


def listen(address: Address, option: str) -> socket.socket:
    """A listening socket on `address`; AddressError names `option`, the address and its user."""
    try:
        if address.path:
            return _listen_unix(address.path)
        family, kind, protocol, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(target)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener
    except OSError as error:
        reason = f"{option} {address}: {error.strerror or error}"
        if error.errno == errno.EADDRINUSE:
            holder = None if address.path else _pid_listening_on(address.port)
            reason = f"{option} {address} is already in use" + (
                f" by process {holder}" if holder else ""
            )
            raise AddressError(f"{reason}; stop that process or choose another {option}") from error
        if error.errno == errno.EACCES:
            raise AddressError(f"{reason}; choose a port above 1023 or a writable path") from error
        raise AddressError(f"{reason}; choose an address of this machine") from error


def _listen_unix(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, "a file that is not a socket is there")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            try:
                caller.settimeout(1.0)
                caller.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)  # Left behind by a process that was killed.
            else:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def inode_of(address: Address) -> int | None:
    """The inode of a UNIX socket's path: proof, later, that the path is still ours to remove."""
    return os.stat(address.path).st_ino if address.path else None


def remove_path(address: Address, inode: int | None) -> None:
    """Remove a UNIX socket's path, unless a successor has put its own there."""
    with contextlib.suppress(OSError):
        if inode is not None and os.stat(address.path).st_ino == inode:
            os.unlink(address.path)


def connect(address: Address, timeout_s: float) -> socket.socket:
    """A client connection to `address`; a wildcard host is reached over loopback."""
    if address.path:
        caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            caller.settimeout(timeout_s)
            caller.connect(address.path)
        except OSError:
            caller.close()
            raise
        return caller
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    return socket.create_connection((host, address.port), timeout_s)


def _pid_listening_on(port: int) -> int | None:
    """The process that listens on a TCP port, where /proc shows it to this user."""
    if sys.platform != "linux":
        return None
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                # Field 1 is the local HEX_ADDRESS:HEX_PORT, 3 the state (0A: listen), 9 the inode.
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{fields[9]}]")
    if not sockets:
        return None
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                for fd in os.scandir(entry / "fd"):
                    with contextlib.suppress(OSError):
                        if os.readlink(fd.path) in sockets:
                            return int(entry.name)
    return None
