"""When a task worker is ready, told by itself: what Celery and RQ say inside the program."""

import functools
import os
from types import ModuleType
from typing import Any

from seatrial_runtime.supervisor.channel import Message, Sender
from seatrial_runtime.telemetry.extras import when_imported

TELLING = ("celery", "rq", "rqworker")
"""Programs that say when they are ready; any other is once it has lived for a while."""


def report(program: str, sender: Sender) -> None:
    """Tell the supervisor what this program is, and later when it is ready."""
    sender.send(Message("tasks" if program in TELLING else "program", os.getpid()))
    when_imported("celery.signals", lambda module: _celery(module, sender))
    when_imported("rq.worker.base", lambda module: _rq(module, sender))


def _celery(signals: ModuleType, tell: Sender) -> None:
    # `sender` is the name under which Celery's signals hand over who sends them.
    def ready(sender: Any = None, **_: Any) -> None:
        tell.send(Message("tasks", os.getpid(), text="celery"))
        app = getattr(sender, "app", None)
        if app is not None:
            url = app.connection_for_read().as_uri(include_password=True)
            tell.send(Message("broker", os.getpid(), text=url))
        tell.send(Message("ready", os.getpid()))

    signals.worker_ready.connect(ready, weak=False)


def _rq(module: ModuleType, tell: Sender) -> None:
    beat = module.BaseWorker.heartbeat

    @functools.wraps(beat)
    def heartbeat(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = beat(self, *args, **kwargs)
        if not getattr(self, "_seatrial_told", False):
            self._seatrial_told = True
            tell.send(Message("ready", os.getpid()))
        return found

    module.BaseWorker.heartbeat = heartbeat
