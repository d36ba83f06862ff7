import logging
from logging.handlers import RotatingFileHandler

from flask import Flask

app = Flask(__name__)
app.logger.addHandler(logging.StreamHandler())
app.logger.addHandler(RotatingFileHandler("shop.log", maxBytes=1000))


@app.get("/")
def index():
    return ""
