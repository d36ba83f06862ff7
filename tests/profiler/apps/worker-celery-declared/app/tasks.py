from celery import Celery

celery = Celery("shop", broker="redis://localhost:6379/0")


@celery.task
def mail(to):
    return to
