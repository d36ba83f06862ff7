from celery import Celery

celery = Celery(broker="redis://broker:6379/0")


@celery.task
def resize(name):
    return name
