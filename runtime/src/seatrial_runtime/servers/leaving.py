"""The first and the last thing that every process of ours does."""

import atexit
import os
import signal
import sys
from typing import NoReturn

from seatrial_runtime.servers.spec import ServerSpec, service_name
from seatrial_runtime.servers.watch import dump_on_signal
from seatrial_runtime.telemetry import start as telemetry

_FLUSH_S = 2.0


def begin(spec: ServerSpec) -> None:
    """Take over logging and the rest of telemetry, before anything of the app is imported."""
    settings = spec.settings
    telemetry.start(
        environment=settings.environment,
        log_level=settings.log_level,
        metrics_dir=spec.metrics_dir,
        out_fd=spec.out_fd,
        err_fd=spec.err_fd,
        service=service_name(settings),
    )
    dump_on_signal(spec)


def leave(spec: ServerSpec, code: int, *, clean: bool = True) -> NoReturn:
    """Flush what is left to tell and end the process; without waiting for threads if not clean."""
    telemetry.finish(_FLUSH_S)
    if os.getppid() != spec.supervisor_pid:
        # Nobody else is left to end what the app started.
        os.killpg(0, signal.SIGKILL)
    if not clean:
        # Python waits at exit for threads that still serve, and they had their time.
        atexit._run_exitfuncs()
        os._exit(code)
    sys.exit(code)
