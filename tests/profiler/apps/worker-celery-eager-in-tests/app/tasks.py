from celery import Celery

celery = Celery("shop", broker="redis://localhost:6379/0")
import os

if os.environ.get("TESTING"):
    celery.conf.task_always_eager = True


class TestConfig:
    CELERY_TASK_ALWAYS_EAGER = True
