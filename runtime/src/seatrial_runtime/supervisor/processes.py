"""What the kernel can promise about parents and children (Linux), as no-ops elsewhere."""

import contextlib
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl({option})")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, so that it can be reaped."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel for SIGTERM when the thread that started this process is gone.

    `parent_pid` is the parent this process believes it has. If that one died before the request
    was made, the kernel will never send the signal, so this process ends here.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        os._exit(0)


def signal_group(group_id: int, number: int) -> bool:
    """Send a signal to a process group; False when the group has no member left."""
    try:
        os.killpg(group_id, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # A zombie leader on BSD, or a member that changed its user: it still exists.
        return True
    return True


def describe_exit(status: int) -> str:
    """A `waitpid` status in words: "exit code 3" or "killed by SIGKILL"."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, where /proc tells; the nearest first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc") if sys.platform == "linux" else ():
        if entry.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry))
    found = list(children.get(pid, ()))
    for one in found:  # Grows while it is walked.
        found.extend(children.get(one, ()))
    return found
