from celery import Celery

celery = Celery("jobs", broker="redis://redis/0")


@celery.task
def send():
    return 1
