"""What crosses from the supervisor to a server process, and what both kinds of server share."""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from gunicorn.errors import AppImportError

from seatrial_runtime.supervisor.channel import Message
from seatrial_runtime.supervisor.processes import die_with_parent

WATCH_S = 0.5
_TRACEBACK_CHARS = 3000


@dataclass(frozen=True)
class ServerSpec:
    """What the server process needs to know; crosses `exec` as JSON."""

    target: str
    interface: str
    workers: int
    threads: int
    graceful_timeout_s: int
    keep_alive_s: int
    start_timeout_s: float
    app_dir: str
    listener_fd: int
    channel_fd: int
    stop_fd: int  # Becomes readable when the whole service ends, or the supervisor has died.
    supervisor_pid: int


class InterfaceError(Exception):
    """The app object is of another kind than the one it was to be served as."""


def enter() -> ServerSpec:
    """Take up the place of a server process: its spec, its folder, its end with the supervisor."""
    spec = ServerSpec(**json.loads(sys.argv[1]))
    die_with_parent(spec.supervisor_pid)
    # An app that reads its command line at import must not meet ours.
    sys.argv = [spec.target]
    os.set_inheritable(spec.stop_fd, False)
    os.chdir(spec.app_dir)
    return spec


def load_failure(error: BaseException, spec: ServerSpec) -> Message:
    """An app that does not load, in its own words."""
    tail = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARS:]
    text = "".join(traceback.format_exception_only(error)).strip()
    return Message("failed", os.getpid(), text, _hint(error, spec), tail)


def _hint(error: BaseException, spec: ServerSpec) -> str:
    module = spec.target.partition(":")[0]
    if isinstance(error, ModuleNotFoundError) and error.name:
        if module == error.name or module.startswith(error.name + "."):
            return f"no module {error.name!r} in {spec.app_dir}: check MODULE or --app-dir"
        return f"the app needs {error.name!r}: install it in the environment of seatrial-run"
    if isinstance(error, AppImportError):
        return "check the name after ':'; a function that returns the app needs --factory"
    if isinstance(error, InterfaceError):
        return "give the other --interface, or none: auto looks at the app"
    return "the app itself raised this while it was loaded; its traceback says where"


def watch_parent(parent_pid: int, graceful_timeout_s: int, beat: Callable[[], None]) -> None:
    """End this process when its parent is gone, where the kernel does not tell; from a thread."""

    def watch() -> None:
        while os.getppid() == parent_pid:
            beat()
            time.sleep(WATCH_S)
        os.kill(os.getpid(), signal.SIGTERM)
        # A request that never ends would keep the process: Python joins pool threads at exit.
        time.sleep(graceful_timeout_s)
        os._exit(1)

    threading.Thread(target=watch, name="seatrial-watch", daemon=True).start()
