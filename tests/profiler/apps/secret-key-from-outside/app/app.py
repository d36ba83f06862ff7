import os

from flask import Flask


class Testing:
    SECRET_KEY = "only-for-tests"


app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
app.config["AWS_SECRET_KEY"] = os.environ["AWS_SECRET_KEY"]
