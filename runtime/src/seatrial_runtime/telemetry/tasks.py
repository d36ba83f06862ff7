"""Tasks of Celery and RQ are told like requests: where their libraries are hooked."""

from functools import partial

from seatrial_runtime.telemetry import extras, tasks_celery, tasks_rq


def hand_on_ids() -> None:
    """In every process: whatever enqueues a task tells it the id of the present request."""
    extras.when_imported("celery.signals", tasks_celery.hand_on)
    extras.when_imported("rq.job", tasks_rq.hand_on)


def hook(bounds: tasks_celery.Bounds = tasks_celery.NONE) -> None:
    """In a Python program that works on tasks, before its modules are imported.

    What it imports decides, not how it is called: a script of the app may start a Celery or an RQ
    worker itself.
    """
    extras.when_imported("celery.signals", partial(tasks_celery.hook, bounds=bounds))
    extras.when_imported("celery.worker.request", tasks_celery.hook_requests)
    for module in ("rq.worker.worker_classes", "rq.worker"):
        extras.when_imported(module, tasks_rq.hook_workers)
    extras.when_imported("rq.job", tasks_rq.hook_jobs)
