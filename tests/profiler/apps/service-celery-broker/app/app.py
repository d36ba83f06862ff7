import os

from celery import Celery
from flask import Flask

app = Flask(__name__)
tasks = Celery("shop", broker=os.environ["CELERY_BROKER_URL"])
