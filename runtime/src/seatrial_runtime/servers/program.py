"""Becomes a program: by `exec`, or, when it is Python and works on tasks, in this very process.

In this process its logging, print and tasks are told like a web app's, without a change to it.
"""

import os
import signal
import sys
from typing import NoReturn

from seatrial_runtime.servers import leaving
from seatrial_runtime.servers.python_program import PythonProgram, python_program
from seatrial_runtime.servers.spec import LOAD_FAILED, ServerSpec, enter, load_failure
from seatrial_runtime.servers.task_programs import report
from seatrial_runtime.servers.watch import Watch
from seatrial_runtime.supervisor.channel import Message, Order, Sender
from seatrial_runtime.telemetry import start as telemetry
from seatrial_runtime.telemetry import tasks
from seatrial_runtime.telemetry.tasks_celery import Bounds

_CANNOT_START = 127


def main() -> None:
    """Entry point of the process; never returns."""
    spec = enter()
    sender = Sender(spec.channel_fd)
    os.chdir(spec.settings.cwd)
    program = python_program(spec.argv) if spec.settings.command == "worker" else None
    if program is None:
        _become(spec, sender)
    _run(spec, sender, program)


def _become(spec: ServerSpec, sender: Sender) -> NoReturn:
    for name in ("SIGPIPE", "SIGXFSZ"):
        # Python ignores them, and a program of another kind would inherit that.
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    sender.send(Message("program", os.getpid()))
    try:
        os.execvp(spec.argv[0], spec.argv)
    except OSError as error:
        hint = "check the name, and that it is installed in the environment of seatrial-run"
        text = f"cannot start {spec.argv[0]}: {error.strerror}"
        sender.send(Message("failed", os.getpid(), text, hint))
        sys.exit(_CANNOT_START)


def _run(spec: ServerSpec, sender: Sender, program: PythonProgram) -> NoReturn:
    try:
        leaving.begin(spec)
        tasks.hook(Bounds(spec.settings.max_worker_memory, spec.settings.task_timeout_s))
        report(program.name, sender)
    except BaseException as error:
        sender.send(load_failure(error, spec))
        leaving.leave(spec, LOAD_FAILED)
    Watch(spec, sender, None, _obey).start()
    code: object = 0
    try:
        program.run()
    except SystemExit as ending:
        code = ending.code
    except BaseException:
        # In its own words, as Python would.
        sys.excepthook(*sys.exc_info())
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    leaving.leave(spec, code if isinstance(code, int) else int(code is not None))


def _obey(order: Order) -> None:
    if order["do"] == "level":
        telemetry.set_level(order["level"])
