from celery import Celery

celery = Celery("shop", broker="redis://localhost:6379/0")


@celery.task
def thumbnail(path):
    return path


@celery.task(bind=True)
def mail(self, to):
    return to
