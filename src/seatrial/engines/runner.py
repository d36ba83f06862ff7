"""The one place in the engines that starts processes and talks to the network.

Every command and every started process is recorded as one JSON line in a steps file: what, when,
how long, with which result. Environments are never recorded.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

import psutil

from seatrial.engines.commands import display
from seatrial.engines.processes import Identity, identify
from seatrial.kernel.errors import PortInUseError, StorageError, ToolError, TransientError
from seatrial.kernel.values import Value

_MAX_BODY_BYTES = 1 << 20
_MAX_OUTPUT_BYTES = 64 << 20
_KEPT_OUTPUT_BYTES = 64 << 10
_TAIL_BYTES = 4000
_TAIL_LINES = 20
_TICK_S = 10.0

# The processes this one started, so that their exit codes can be read and zombies reaped.
_children: dict[int, subprocess.Popen[bytes]] = {}

OnWait = Callable[[float, str], None]
"""Told every ten seconds of a running command: seconds so far, last line it printed."""


class Completed(Value):
    """A command that ended well: how long it took, and its output (its last 64 KiB)."""

    duration_s: float
    output: str


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    log: Path,
    steps: Path,
    on_wait: OnWait = lambda seconds, line: None,
) -> Completed:
    """Run a command to its end; the last 64 KiB of its output are appended to `log`.

    Raises ToolError when the program is missing, exits non-zero, prints without bound or takes
    longer than `timeout_s`; the message carries the end of its output. The command and all it
    started are ended first, also on KeyboardInterrupt.
    """
    started = time.monotonic()
    # A file of its own: two commands at once must not read each other's output.
    with _scratch(log.parent) as output:
        child = _popen(argv, cwd=cwd, env=env, output=output, stdin=subprocess.DEVNULL)
        problem = ""
        try:
            problem = _follow(child, output, timeout_s, on_wait)
        finally:
            _end_group(child)
            seconds = round(time.monotonic() - started, 3)
            record(steps, argv=list(argv), cwd=str(cwd), duration_s=seconds, exit=child.returncode)
            printed = _last(output, _KEPT_OUTPUT_BYTES)
            with contextlib.suppress(StorageError, OSError), open_log(log) as file:
                file.write(f"$ {display(argv)}\n".encode() + printed)
    if child.returncode == 0 and not problem:
        return Completed(duration_s=seconds, output=printed.decode(errors="replace"))
    problem = problem or f"ended with {describe_exit(child.returncode)}"
    text = _readable(printed[-_TAIL_BYTES:])
    raise ToolError(f"`{display(argv)}` {problem}\n{text}".rstrip(), where=str(log))


def _scratch(folder: Path) -> IO[bytes]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder, buffering=0)
    except OSError as error:
        storage_error(folder, error)


def _last(file: IO[bytes], count: int) -> bytes:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), count, max(size - count, 0))


def _follow(
    child: subprocess.Popen[bytes], output: IO[bytes], timeout_s: float, on_wait: OnWait
) -> str:
    """Wait for the end of a command; says what is wrong when it must be cut short."""
    started = time.monotonic()
    told = started
    while True:
        try:
            child.wait(0.25)
            return ""
        except subprocess.TimeoutExpired:
            pass
        now = time.monotonic()
        if now - started > timeout_s:
            return f"did not end within {timeout_s:g} s"
        if os.fstat(output.fileno()).st_size > _MAX_OUTPUT_BYTES:
            return f"printed more than {_MAX_OUTPUT_BYTES >> 20} MiB"
        if now - told >= _TICK_S:
            told = now
            lines = _readable(_last(output, _TAIL_BYTES)).splitlines()
            on_wait(now - started, lines[-1] if lines else "")


def _end_group(child: subprocess.Popen[bytes]) -> None:
    # The group goes by the leader's pid as long as any member lives.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def spawn(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    steps: Path,
    stdin: bytes = b"",
    fds: Sequence[int] = (),
) -> Identity:
    """Start a process in a session of its own; it lives on when this one ends.

    Its output is appended to `log`; `stdin` is handed over through a pipe, so that secrets in
    it touch neither disk nor command line; `fds` are the descriptors it inherits. Raises
    ToolError when the program is missing.
    """
    with open_log(log) as output:
        source = subprocess.PIPE if stdin else subprocess.DEVNULL
        child = _popen(argv, cwd=cwd, env=env, output=output, stdin=source, fds=fds)
    _children[child.pid] = child
    identity = identify(child.pid)
    assert identity is not None, "a child exists until it is waited for"
    if child.stdin is not None:
        # A child that died before it read: its exit code tells more than the broken pipe.
        with contextlib.suppress(BrokenPipeError), child.stdin as pipe:
            pipe.write(stdin)
    record(steps, argv=list(argv), cwd=str(cwd), pid=child.pid)
    return identity


def exit_code(identity: Identity) -> int | None:
    """The exit code (negative: the signal) of a process that this one started; None: runs."""
    child = _children.get(identity.pid)
    return child.poll() if child is not None else None


def forget(identity: Identity) -> None:
    """Let go of a started process that has ended and whose exit code was read."""
    _children.pop(identity.pid, None)


def reap() -> None:
    """Let go of all started processes that have ended; their exit codes are lost."""
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            del _children[pid]


def describe_exit(code: int | None) -> str:
    """An exit code for people."""
    if code is None or code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _popen(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: IO[bytes],
    stdin: int,
    fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=fds,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        if not cwd.is_dir():
            raise StorageError("is not a folder that can be entered", where=str(cwd)) from error
        raise ToolError(
            f"cannot start {argv[0]}: {error.strerror}",
            fix="install it, or check that it is executable and on PATH",
        ) from error
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
            raise TransientError(
                f"cannot start {argv[0]}: {error.strerror}",
                fix="free memory, processes or open files on this machine",
            ) from error
        raise ToolError(f"cannot start {argv[0]}: {error.strerror}") from error


def open_log(path: Path) -> IO[bytes]:
    """A log file open for appending, readable by its owner only."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)
    except OSError as error:
        storage_error(path, error)


def record(steps: Path, **step: object) -> None:
    """Append one step. A full disk loses the line, never the deployment it describes."""
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"at": at, **step}) + "\n"
    with contextlib.suppress(StorageError, OSError), open_log(steps) as file:
        file.write(line.encode())


def storage_error(path: Path, error: OSError) -> NoReturn:
    """Raise the StorageError for what the system said about a path."""
    fixes = {
        errno.ENOSPC: "free some disk space",
        errno.EDQUOT: "free some of your disk quota",
        errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
        errno.EACCES: "check the owner and permissions",
        errno.EROFS: "the file system is read-only",
    }
    fix = fixes.get(error.errno or 0, "")
    raise StorageError(error.strerror or str(error), where=str(path), fix=fix) from error


def tail(path: Path, offset: int = 0) -> str:
    """The last lines of a log from `offset` on, without credentials in URLs."""
    return "\n".join(last_lines(path, _TAIL_LINES, offset))


def last_lines(path: Path, lines: int, offset: int = 0) -> list[str]:
    """At most `lines` lines from the end of a log, without credentials in URLs.

    Of very long lines only what fits into the limit is read; a log that is not there is empty.
    """
    limit = _TAIL_BYTES * max(1, lines // _TAIL_LINES)
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(min(offset, size), size - limit))
            text = file.read(limit).decode(errors="replace")
    except OSError:
        return []
    return _without_credentials(text).splitlines()[-lines:]


def _readable(data: bytes) -> str:
    lines = _without_credentials(data.decode(errors="replace")).splitlines()
    return "\n".join(lines[-_TAIL_LINES:])


def _without_credentials(text: str) -> str:
    return re.sub(r"(\w://)[^/\s@]*@", r"\1***@", text)


# -- network


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def http_get(url: str, timeout_s: float) -> tuple[int, bytes]:
    """GET a loopback URL, without the proxies of the environment; body up to 1 MiB.

    Raises TransientError when nobody answers in time or what answers is not HTTP.
    """
    parts = urllib.parse.urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _exchange(connection, "GET", target, url)


def http_unix(path: Path, method: str, target: str, timeout_s: float) -> tuple[int, bytes]:
    """A request over a UNIX socket; raises as `http_get` does."""
    return _exchange(_UnixConnection(str(path), timeout_s), method, target, str(path))


def http_over(sock: socket.socket, target: str, timeout_s: float) -> tuple[int, bytes]:
    """A GET over a connection that is open already, which is then closed; raises likewise."""
    sock.settimeout(timeout_s)
    connection = http.client.HTTPConnection("127.0.0.1", timeout=timeout_s)
    connection.sock = sock
    return _exchange(connection, "GET", target, "127.0.0.1")


def _exchange(
    connection: http.client.HTTPConnection, method: str, target: str, where: str
) -> tuple[int, bytes]:
    try:
        connection.request(method, target, headers={"Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read(_MAX_BODY_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransientError(f"no answer: {error or type(error).__name__}", where=where) from error
    finally:
        connection.close()


def is_free(port: int) -> bool:
    """Whether a loopback TCP port can be listened on now."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise PortInUseError(
                    f"port {port} is reserved by the system",
                    fix="choose a port above 1023 with --port, or `port` under [deploy]",
                ) from error
            return False
    if sys.platform == "linux":
        return True
    with socket.socket() as sock:
        # macOS lets one bind beside a listener on all addresses; connecting finds that one.
        sock.settimeout(1.0)
        return sock.connect_ex(("127.0.0.1", port)) != 0


def require_free(port: int) -> None:
    """Raise PortInUseError, with the holder where it can be told, when a port is taken."""
    if not is_free(port):
        holder = _holder(port)
        raise PortInUseError(
            f"port {port} is already in use" + (f" by {holder}" if holder else ""),
            where=f"127.0.0.1:{port}",
            fix="stop that program, or choose another port with --port or `port` under [deploy]",
        )


def _holder(port: int) -> str:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            for connection in process.net_connections(kind="tcp"):
                local = connection.laddr
                if connection.status == psutil.CONN_LISTEN and local and local.port == port:
                    return f"process {process.pid} ({process.name()})"
    return ""
