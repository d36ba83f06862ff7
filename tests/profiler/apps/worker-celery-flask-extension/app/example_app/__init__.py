from celery import Celery, Task
from flask import Flask


def celery_init_app(app: Flask) -> Celery:
    celery_app = Celery(app.name, task_cls=Task)
    celery_app.config_from_object(app.config["CELERY"])
    app.extensions["celery"] = celery_app
    return celery_app


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.from_mapping(CELERY={"result_backend": "redis://localhost"})
    celery_init_app(app)
    return app
