"""What crosses from the supervisor to a process that it starts, and how the process enters."""

import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass, fields

from seatrial_runtime.settings.settings import Settings, from_json, to_json
from seatrial_runtime.supervisor.channel import Message
from seatrial_runtime.supervisor.processes import die_with_parent

LOAD_FAILED = 4
"""Exit code of a process that told why the app does not load; gunicorn's for the same."""

# Nearly the last real-time signal: no library is known to use it, and apps use SIGUSR1 and 2.
STACKS_SIGNAL: int = getattr(signal, "SIGRTMAX", signal.SIGUSR2 + 1) - 1

_TRACEBACK_CHARS = 3000


@dataclass(frozen=True)
class ServerSpec:
    """What the process needs to know. It holds secrets: it crosses a pipe as JSON, never argv.

    Descriptors are inherited: `listener_fd` and `buckets_fd` are -1 where there is none;
    `stop_fd` becomes readable when the whole service ends; `out_fd` and `err_fd` take finished
    log lines; the C-level dump of every thread's stack goes into `stacks_fd`.
    """

    settings: Settings
    argv: tuple[str, ...]
    listener_fd: int
    channel_fd: int
    stop_fd: int
    out_fd: int
    err_fd: int
    stacks_fd: int
    buckets_fd: int
    metrics_dir: str
    supervisor_pid: int

    @property
    def target(self) -> str:
        """The app in the form that an importer takes; a factory is called."""
        return self.settings.target + ("()" if self.settings.factory else "")

    def fds(self) -> tuple[int, ...]:
        """What the process has to inherit."""
        found = (self.listener_fd, self.channel_fd, self.stop_fd, self.out_fd, self.err_fd)
        return tuple(fd for fd in (*found, self.stacks_fd, self.buckets_fd) if fd >= 0)

    def to_json(self) -> bytes:
        """The text for the pipe."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(found | {"settings": to_json(self.settings)}).encode()


def service_name(settings: Settings) -> str:
    """What the service is called in logs and traces: the target, of a script its file name."""
    is_script = settings.command in ("streamlit", "gradio")
    return os.path.basename(settings.target) if is_script else settings.target


class AttributeNameError(Exception):
    """The module has no such attribute, or it is not an app."""


class InterfaceError(Exception):
    """The app object is of another kind than the one it was to be served as."""


def enter() -> ServerSpec:
    """Take up the place of a process of the supervisor: spec, folder, its end with the parent."""
    with open(0, "rb", closefd=False) as pipe:
        found = json.load(pipe)
    found["settings"], found["argv"] = from_json(found["settings"]), tuple(found["argv"])
    spec = ServerSpec(**found)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    die_with_parent(spec.supervisor_pid)
    for fd in spec.fds():
        # Programs that the app runs must not keep them open.
        os.set_inheritable(fd, False)
    # An app that reads its command line at import must not meet ours.
    sys.argv = [spec.target]
    os.chdir(spec.settings.app_dir)
    return spec


def load_failure(error: BaseException, spec: ServerSpec) -> Message:
    """An app that does not load, in its own words."""
    tail = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARS:]
    text = "".join(traceback.format_exception_only(error)).strip()
    return Message("failed", os.getpid(), text, _hint(error, spec), tail)


def _hint(error: BaseException, spec: ServerSpec) -> str:
    module, folder = spec.target.partition(":")[0], spec.settings.app_dir
    if isinstance(error, ModuleNotFoundError) and error.name:
        if module == error.name or module.startswith(error.name + "."):
            return f"no module {error.name!r} in {folder}: check MODULE or --app-dir"
        return f"the app needs {error.name!r}: install it in the environment of seatrial-run"
    if isinstance(error, AttributeNameError):
        return "check the name after ':'; a function that returns the app needs --factory"
    if isinstance(error, InterfaceError):
        return "give the other --interface, or none: auto looks at the app"
    return "the app itself raised this while it was loaded; its traceback says where"
