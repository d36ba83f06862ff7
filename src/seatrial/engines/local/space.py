"""The kernel's separate spaces (Linux namespaces): network, processes, users.

Everything here is asked of the kernel directly, because `os.unshare` came with Python 3.12.
Where a space cannot be had (another system, a container that forbids it) the reason is told.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys

# linux/sched.h, linux/prctl.h, linux/sockios.h, linux/if.h, linux/mount.h
NEW_MOUNTS, NEW_USER, NEW_PIDS, NEW_NETWORK = 0x00020000, 0x10000000, 0x20000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 0x2, 0x4, 0x8, 0x4000, 0x40000


def choose(*, cut_network: bool) -> tuple[int, str]:
    """The spaces that can be had here, and why not all: tried once, in a process that ends."""
    if sys.platform != "linux":
        return 0, f"{sys.platform} has no separate network for a process"
    network = NEW_NETWORK if cut_network else 0
    user = 0 if os.geteuid() == 0 else NEW_USER
    reason = ""
    for wanted in (NEW_PIDS | NEW_MOUNTS | network, network):
        # Root in a container may lack the right that root in a user space of its own has.
        for more in (user, NEW_USER):
            if wanted:
                problem = _problem(wanted | more, os.geteuid())
                if not problem:
                    return wanted | more, "" if wanted & NEW_PIDS else reason
                reason = reason or problem
    return 0, reason


def works(flags: int, uid: int) -> bool:
    """Whether this process could `enter` these spaces."""
    return not _problem(flags, uid)


def _problem(flags: int, uid: int) -> str:
    """What stands in the way of entering these spaces; empty when nothing does."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            enter(flags, uid)
            # A new process space is only entered by children.
            inner = os.fork() if flags & NEW_PIDS else 0
            if inner == 0:
                furnish(flags)
                _check(flags)
                os.write(write_end, b"ok")
            else:
                os.waitpid(inner, 0)
        except OSError as error:
            os.write(write_end, str(error).encode()[:500])
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as told:
        said = told.read().decode(errors="replace")
    os.waitpid(child, 0)
    return "" if said == "ok" else said or "the kernel ended the attempt"


def enter(flags: int, uid: int | None = None) -> None:
    """Leave the spaces of this process for new ones; `uid` is who it is in a new user space."""
    inside, group, outside = os.geteuid() if uid is None else uid, os.getegid(), os.geteuid()
    _call("unshare", flags)
    if flags & NEW_USER:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{inside} {outside} 1")
        _write("/proc/self/gid_map", f"{inside if uid is not None else group} {group} 1")


def furnish(flags: int) -> None:
    """Make new spaces usable: a loopback interface that is up, a /proc of the own processes."""
    if flags & NEW_NETWORK:
        with socket.socket() as any_socket:
            up = struct.pack("16sH14x", b"lo", _IFF_UP | _IFF_RUNNING)
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, up)
    if flags & NEW_MOUNTS:
        _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
        _call("mount", b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None)


def _check(flags: int) -> None:
    if flags & NEW_NETWORK:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), 1.0).close()


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel for SIGKILL when the parent is gone; a no-op outside Linux."""
    if sys.platform == "linux":
        _call("prctl", _PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        # In a new process space the parent, which is outside, has the number 0.
        if os.getppid() not in (0, parent_pid):
            os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies; a no-op outside Linux."""
    if sys.platform == "linux":
        _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _call(name: str, *arguments: int | bytes | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    words = [ctypes.c_ulong(one) if isinstance(one, int) else one for one in arguments]
    if getattr(libc, name)(*words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
