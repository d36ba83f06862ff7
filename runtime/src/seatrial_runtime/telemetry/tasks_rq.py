"""RQ. Its worker forks a process for each job and waits for it: what is measured is the waiting."""

import functools
from types import ModuleType
from typing import Any

from seatrial_runtime.telemetry.context import current
from seatrial_runtime.telemetry.flush import finish
from seatrial_runtime.telemetry.task import ID, TRACEPARENT, Task, tell

_FLUSH_S = 3.0
_OUTCOMES = {
    "finished": "success",
    "failed": "failure",
    "queued": "retry",
    "scheduled": "retry",
}
_DONE = "_seatrial_hooked"
_running: dict[str, Task] = {}


def hand_on(module: ModuleType) -> None:
    """Wherever a job is made."""
    make = module.Job.create.__func__

    @functools.wraps(make)
    def create(cls: Any, *args: Any, **kwargs: Any) -> Any:
        job = make(cls, *args, **kwargs)
        tell(job.meta)
        return job

    module.Job.create = classmethod(create)


def hook_jobs(module: ModuleType) -> None:
    """In the process that runs the job: what it raises."""
    run = module.Job.perform

    @functools.wraps(run)
    def perform(self: Any) -> Any:
        try:
            return run(self)
        except Exception as error:
            running = _running.get(self.id)
            if running is not None:
                running.failed(error)
            raise

    module.Job.perform = perform


def hook_workers(module: ModuleType) -> None:
    """Around every job, in the worker that waits for it."""
    for cls in vars(module).values():
        if not isinstance(cls, type) or _DONE in vars(cls):
            continue
        if "execute_job" in vars(cls):
            cls.execute_job = _around(vars(cls)["execute_job"])  # type: ignore[attr-defined]
        for base in cls.__mro__:
            if "perform_job" in vars(base) and _DONE not in vars(base):
                base.perform_job = _flushing(vars(base)["perform_job"])  # type: ignore[attr-defined]
                setattr(base, _DONE, True)
        if _DONE not in vars(cls) and "execute_job" in vars(cls):
            setattr(cls, _DONE, True)


def _around(run: Any) -> Any:
    @functools.wraps(run)
    def execute_job(self: Any, job: Any, queue: Any) -> Any:
        meta = job.meta or {}
        told = {"task_id": job.id, "queue": getattr(queue, "name", None)}
        task = Task(job.func_name or "(unknown)", meta.get(ID), meta.get(TRACEPARENT), **told)
        _running[job.id] = task.begin()
        try:
            return run(self, job, queue)
        finally:
            _running.pop(job.id, None)
            task.end(_outcome(job))

    return execute_job


def _outcome(job: Any) -> str:
    try:
        status = job.get_status(refresh=True)
    except Exception:  # The server is away, or the job has been deleted.
        return "unknown"
    text = str(getattr(status, "value", status)).lower()
    return _OUTCOMES.get(text, text)


def _flushing(run: Any) -> Any:
    """The process of one job ends by `os._exit`: nothing that waits would come out."""

    @functools.wraps(run)
    def perform_job(self: Any, job: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return run(self, job, *args, **kwargs)
        finally:
            if getattr(self, "_is_horse", False) and current.get() is not None:
                finish(_FLUSH_S)

    return perform_job
