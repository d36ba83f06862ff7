"""Tasks of Celery and RQ are told like requests: where their libraries are hooked."""

from seatrial_runtime.telemetry import extras, tasks_celery, tasks_rq


def hand_on_ids() -> None:
    """In every process: whatever enqueues a task tells it the id of the present request."""
    extras.when_imported("celery.signals", tasks_celery.hand_on)
    extras.when_imported("rq.job", tasks_rq.hand_on)


def hook(program: str) -> None:
    """In a Python program that works on tasks, before its modules are imported.

    `program` is its name. What it imports decides, not how it is called: a script of the app may
    start a Celery or an RQ worker itself.
    """
    extras.when_imported("celery.signals", tasks_celery.hook)
    for module in ("rq.worker.worker_classes", "rq.worker"):
        extras.when_imported(module, tasks_rq.hook_workers)
    extras.when_imported("rq.job", tasks_rq.hook_jobs)
