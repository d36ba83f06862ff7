from celery import Celery

celery = Celery(broker="redis://broker:6379/0", backend="redis://broker:6379/1")


@celery.task
def resize(name):
    return name


@celery.task
def album(names):
    return [resize.apply_async((name,)).get() for name in names]
