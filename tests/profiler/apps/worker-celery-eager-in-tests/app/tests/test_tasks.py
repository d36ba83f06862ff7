from tasks import celery

celery.conf.task_always_eager = True
