from celery import Celery
from flask import Flask


def make_celery(app):
    return Celery(app.import_name, broker="redis://localhost")


def create_app():
    app = Flask(__name__)
    return app
