"""Celery's signals. They are sent in the process that runs the task, a child of the pool; what ends
such a process early is told by the main process."""

import functools
import os
import sys
import threading
import time
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from seatrial_runtime.telemetry import metrics
from seatrial_runtime.telemetry.flush import finish
from seatrial_runtime.telemetry.logs import emit, tell_overdue
from seatrial_runtime.telemetry.task import ID, TRACEPARENT, Task, tell

_FLUSH_S = 3.0
_OUTCOMES = {"SUCCESS": "success", "FAILURE": "failure", "RETRY": "retry"}
_EX_RECYCLE = 0x9B  # billiard's exit code of a process that leaves for a fresh one.
_BEFORE_S, _BEFORE_PART = 1.0, 0.2  # How long before its end a stuck task is looked at.


@dataclass(frozen=True)
class Bounds:
    """What a process of the pool may take: bytes of memory, seconds for one task; 0 is no limit.

    Celery itself keeps them, and what the app or Celery's command line says goes first.
    """

    memory_bytes: int = 0
    task_s: float = 0.0


NONE = Bounds()


def hand_on(signals: ModuleType) -> None:
    """Wherever a task is published: in a web worker, in a task, in a script."""
    signals.before_task_publish.connect(_published, weak=False)


def hook(signals: ModuleType, bounds: Bounds = NONE) -> None:
    """In a worker program."""
    worker = _Worker(bounds)
    signals.celeryd_init.connect(worker.set_up, weak=False)
    signals.task_prerun.connect(worker.begins, weak=False)
    signals.task_postrun.connect(worker.ended, weak=False)
    signals.task_failure.connect(worker.failed, weak=False)
    signals.worker_process_shutdown.connect(worker.leaves, weak=False)


def hook_requests(module: ModuleType) -> None:
    """In the main process, of tasks whose process is gone with its memory of their beginning."""
    failed, timed_out = module.Request.on_failure, module.Request.on_timeout

    @functools.wraps(failed)
    def on_failure(self: Any, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
        error = getattr(exc_info.exception, "exc", exc_info.exception)  # Or wrapped for a pipe.
        if type(error).__name__ == "WorkerLostError":
            _tell_lost(self, error, "lost")
        return failed(self, exc_info, *args, **kwargs)

    @functools.wraps(timed_out)
    def on_timeout(self: Any, soft: bool, timeout: float) -> Any:
        if not soft:
            metrics.TASK_PROCESSES.of("overdue").add()
            _tell_lost(self, TimeoutError(f"not done within {timeout:g} s"), "timeout")
        return timed_out(self, soft, timeout)

    module.Request.on_failure, module.Request.on_timeout = on_failure, on_timeout


def _tell_lost(request: Any, error: BaseException, outcome: str) -> None:
    task = _make(request.name, request.id, request._context).begin()
    if request.time_start:  # By the clock on the wall.
        task.context.began_s -= max(time.time() - request.time_start, 0.0)
    task.failed(error)
    task.end(outcome)


def _published(headers: Any = None, **_: Any) -> None:
    if headers is not None:
        tell(headers)


def _told(request: Any, name: str) -> object:
    # A custom header is an attribute of the request, or, sent by another version, in its headers.
    return getattr(request, name, None) or (getattr(request, "headers", None) or {}).get(name)


def _make(name: str, task_id: str, request: Any) -> Task:
    where = getattr(request, "delivery_info", None) or {}
    return Task(
        name,
        _told(request, ID),
        _told(request, TRACEPARENT),
        task_id=task_id,
        queue=where.get("routing_key"),
        retries=getattr(request, "retries", None),
    )


class _Worker:
    """What is known in one process of the worker, the main one or a child of the pool."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._running: dict[str, Task] = {}
        self._looks: dict[str, threading.Timer] = {}
        self._celery: Any = None
        self._main_pid = os.getpid()

    def set_up(self, instance: Any = None, conf: Any = None, **_: Any) -> None:
        """Before Celery's worker takes its settings."""
        self._celery = instance
        if conf is None:
            return
        # Celery would make a log record of every piece that `print` writes; our streams join them.
        conf.worker_redirect_stdouts = False
        if self._bounds.memory_bytes and not conf.worker_max_memory_per_child:
            conf.worker_max_memory_per_child = max(self._bounds.memory_bytes // 1024, 1)
        if self._bounds.task_s and not conf.task_time_limit:
            conf.task_time_limit = self._bounds.task_s

    def begins(self, task_id: str, task: Any, **_: Any) -> None:
        """A task, in this thread."""
        self._running[task_id] = running = _make(task.name, task_id, task.request).begin()
        limit_s = self._limit_s(task)
        if limit_s and os.getpid() != self._main_pid:  # Celery ends processes, not threads.
            wait_s = limit_s - min(_BEFORE_S, limit_s * _BEFORE_PART)
            look = threading.Timer(wait_s, _look, (running, threading.get_ident(), limit_s))
            look.daemon = True
            look.start()
            self._looks[task_id] = look

    def _limit_s(self, task: Any) -> float:
        given = (getattr(task.request, "timelimit", None) or (None,))[0]
        own = getattr(task, "time_limit", None)
        return float(given or own or getattr(self._celery, "time_limit", None) or 0.0)

    def failed(self, task_id: str, exception: BaseException, **_: Any) -> None:
        """A task raised. Of one whose process was lost, `hook_requests` tells."""
        running = self._running.get(task_id)
        if running is not None:
            running.failed(exception)

    def ended(self, task_id: str, state: object = None, **_: Any) -> None:
        """A task, one way or another."""
        look = self._looks.pop(task_id, None)
        if look is not None:
            look.cancel()
        running = self._running.pop(task_id, None)
        if running is not None:
            running.end(_OUTCOMES.get(str(state), str(state or "ignored").lower()))

    def leaves(self, pid: int = 0, exitcode: object = None, **_: Any) -> None:
        """This process, in good order."""
        limit_kib = getattr(self._celery, "max_memory_per_child", None)
        if exitcode == _EX_RECYCLE and limit_kib:
            # What the pool itself judged by.
            resident_kib = sys.modules["billiard.compat"].mem_rss()
            if resident_kib > limit_kib:
                metrics.TASK_PROCESSES.of("memory").add()
                emit(
                    "warning",
                    "task_process_replaced",
                    pid=pid,
                    reason="memory",
                    rss_bytes=resident_kib * 1024,
                    limit_bytes=limit_kib * 1024,
                )
        finish(_FLUSH_S)


def _look(task: Task, thread_id: int, limit_s: float) -> None:
    """Tell where a task is that will be ended in a moment; in a thread of its own."""
    context = task.context
    tell_overdue(thread_id, limit_s, correlation_id=context.id, task=context.route)
