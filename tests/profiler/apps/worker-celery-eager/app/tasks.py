from celery import Celery

celery = Celery("shop", broker="redis://localhost:6379/0")
celery.conf.task_always_eager = True
