"""Celery's signals. They are sent in the process that runs the task, a child of the pool."""

from types import ModuleType
from typing import Any

from seatrial_runtime.telemetry.flush import finish
from seatrial_runtime.telemetry.task import ID, TRACEPARENT, Task, tell

_FLUSH_S = 3.0
_OUTCOMES = {"SUCCESS": "success", "FAILURE": "failure", "RETRY": "retry"}
_running: dict[str, Task] = {}


def hand_on(signals: ModuleType) -> None:
    """Wherever a task is published: in a web worker, in a task, in a script."""
    signals.before_task_publish.connect(_published, weak=False)


def hook(signals: ModuleType) -> None:
    """In a worker program."""
    signals.celeryd_init.connect(_set_up, weak=False)
    signals.task_prerun.connect(_begins, weak=False)
    signals.task_postrun.connect(_ended, weak=False)
    signals.task_failure.connect(_failed, weak=False)
    signals.worker_process_shutdown.connect(_leaves, weak=False)


def _set_up(conf: Any = None, **_: Any) -> None:
    # Celery would make a log record of every piece that `print` writes; our streams join them.
    if conf is not None:
        conf.worker_redirect_stdouts = False


def _published(headers: Any = None, **_: Any) -> None:
    if headers is not None:
        tell(headers)


def _told(request: Any, name: str) -> object:
    # A custom header is an attribute of the request, or, sent by another version, in its headers.
    return getattr(request, name, None) or (getattr(request, "headers", None) or {}).get(name)


def _make(task: Any, task_id: str) -> Task:
    request = task.request
    where = getattr(request, "delivery_info", None) or {}
    return Task(
        task.name,
        _told(request, ID),
        _told(request, TRACEPARENT),
        task_id=task_id,
        queue=where.get("routing_key"),
        retries=getattr(request, "retries", None),
    )


def _begins(task_id: str, task: Any, **_: Any) -> None:
    _running[task_id] = _make(task, task_id).begin()


def _failed(sender: Any, task_id: str, exception: BaseException, **_: Any) -> None:
    running = _running.get(task_id)
    if running is not None:
        running.failed(exception)
        return
    # Told by the main process: the child that ran it is gone, with its memory of the beginning.
    lost = _make(sender, task_id).begin()
    lost.failed(exception)
    lost.end("lost")


def _ended(task_id: str, state: object = None, **_: Any) -> None:
    running = _running.pop(task_id, None)
    if running is not None:
        running.end(_OUTCOMES.get(str(state), str(state or "ignored").lower()))


def _leaves(**_: Any) -> None:
    finish(_FLUSH_S)
