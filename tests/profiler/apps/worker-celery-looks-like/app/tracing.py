try:
    from celery.signals import task_prerun
except ImportError:
    task_prerun = None


def install():
    if task_prerun is not None:
        task_prerun.connect(print)
