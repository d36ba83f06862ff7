import os

from celery import Celery
from flask import Flask

app = Flask(__name__)
tasks = Celery("shop", broker=os.getenv("CELERY_BROKER_URL", "redis://localhost:6379/0"))
