from celery import Celery

celery = Celery("shop", broker="redis://localhost:6379/0")
celery.conf.beat_schedule = {"nightly": {"task": "tasks.nightly", "schedule": 86400}}
