from celery import Celery

celery = Celery("shop", broker="redis://localhost:6379/0")
celery.conf.update(
    beat_schedule={"nightly": {"task": "jobs.main.nightly", "schedule": 86400}},
    task_acks_late=True,
    task_time_limit=600,
)
