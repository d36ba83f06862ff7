"""Which processes are ours, whether they live, and how they are ended.

A process is known by its pid and the time it was created, so that a pid which the system gave
to somebody else is never signalled. A zombie counts as dead: it holds nothing, and whoever
should reap it may take its time. Processes whose start was never recorded are found by the
marks in their environment, and their children by the session they share.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable

import psutil

from seatrial.engines.commands import MARK_DEPLOYMENT, MARK_OWNER, MARK_ROLE
from seatrial.kernel.values import Value

# Creation times are read against a boot time in whole seconds, which a clock step may move.
_SAME_CREATION_S = 2.0
_POLL_S = 0.02


class Identity(Value):
    """A process: its pid and when it was created, in seconds since the epoch."""

    pid: int
    created: float

    def __str__(self) -> str:
        return f"{self.pid}:{self.created}"


class Marked(Value):
    """A live process that carries our marks, or belongs to the session of one that did."""

    identity: Identity
    role: str
    cwd: str = ""
    arguments: tuple[str, ...] = ()


def identify(pid: int) -> Identity | None:
    """The identity of a process that exists now, dead or alive."""
    try:
        return Identity(pid=pid, created=psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def me() -> Identity:
    """This process."""
    return Identity(pid=os.getpid(), created=psutil.Process().create_time())


def parse_identity(text: str) -> Identity | None:
    """Read `pid:created`, as `str(identity)` writes it."""
    pid, _, created = text.partition(":")
    try:
        return Identity(pid=int(pid), created=float(created))
    except ValueError:
        return None


def alive(identity: Identity | None) -> bool:
    """Whether exactly this process still runs."""
    return identity is not None and _process(identity) is not None


def _process(identity: Identity) -> psutil.Process | None:
    try:
        process = psutil.Process(identity.pid)
        if abs(process.create_time() - identity.created) >= _SAME_CREATION_S:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.Error:
        return None


def marked(
    prefix: str, sessions: Iterable[Identity] = (), *, owned: bool = False
) -> tuple[Marked, ...]:
    """Every live process of this user whose deployment mark starts with `prefix`.

    `sessions` adds the members of the sessions that those processes led, which finds children
    that rewrote their own environment. This process and its ancestors are never among them.
    Processes whose owner (see `commands.marks`) is alive are left out unless `owned`.
    """
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    leaders = {identity.pid: identity.created for identity in sessions}
    found = []
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        try:
            env = _environ(process)
            if env.get(MARK_DEPLOYMENT, "").startswith(prefix):
                owner = parse_identity(env.get(MARK_OWNER, ""))
                if owner is not None and alive(owner) and not owned:
                    continue
                role = env.get(MARK_ROLE, "")
            elif _in_session(process, leaders):
                role = "child"
            else:
                continue
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(_describe(process, role))
        except (psutil.Error, OSError):
            continue
    return tuple(found)


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}  # Another user's, or gone.


def _in_session(process: psutil.Process, leaders: dict[int, float]) -> bool:
    if not leaders:
        return False
    session = os.getsid(process.pid)
    # The kernel does not reuse a pid while a session goes by it; the time guards against a pid
    # that was reused, and made a leader again, after the whole session had gone.
    created = leaders.get(session)
    return created is not None and process.create_time() >= created - _SAME_CREATION_S


def _describe(process: psutil.Process, role: str) -> Marked:
    cwd = ""
    arguments: tuple[str, ...] = ()
    with contextlib.suppress(psutil.Error, OSError):
        cwd = process.cwd()
    with contextlib.suppress(psutil.Error, OSError):
        arguments = tuple(process.cmdline())
    identity = Identity(pid=process.pid, created=process.create_time())
    return Marked(identity=identity, role=role, cwd=cwd, arguments=arguments)


def processor_s(identity: Identity) -> dict[Identity, float]:
    """Processor seconds of a process and of each that descends from it, those alive now."""
    process = _process(identity)
    found: dict[Identity, float] = {}
    if process is None:
        return found
    family = [process]
    with contextlib.suppress(psutil.Error):
        family += process.children(recursive=True)
    for one in family:
        with contextlib.suppress(psutil.Error):
            times = one.cpu_times()
            found[Identity(pid=one.pid, created=one.create_time())] = times.user + times.system
    return found


def signal_to(identity: Identity, number: signal.Signals) -> None:
    """Send a signal to exactly this process; nothing when it is gone."""
    _signal((identity,), number)


def terminate(
    identities: Iterable[Identity], grace_s: float, wait: Callable[[], None] = lambda: None
) -> tuple[Identity, ...]:
    """End processes: SIGTERM to all, up to `grace_s` seconds, then SIGKILL to the rest.

    Returns those that had to be killed. `wait` is called while waiting (to reap children, or to
    give up by raising). A process in uninterruptible sleep may survive: ask `alive` afterwards.
    """
    wanted = tuple(identities)
    _signal(wanted, signal.SIGTERM)
    left = _wait(wanted, grace_s, wait)
    _signal(left, signal.SIGKILL)
    _wait(left, 5.0, wait)
    return left


def _signal(identities: Iterable[Identity], number: signal.Signals) -> None:
    for identity in identities:
        process = _process(identity)
        if process is not None:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)


def _wait(
    identities: tuple[Identity, ...], timeout_s: float, wait: Callable[[], None]
) -> tuple[Identity, ...]:
    deadline = time.monotonic() + timeout_s
    while True:
        wait()
        identities = tuple(identity for identity in identities if alive(identity))
        if not identities or time.monotonic() >= deadline:
            return identities
        time.sleep(_POLL_S)
