import os

from flask import Flask

app = Flask(__name__)
app.config["SECRET_KEY"] = os.getenv("SECRET_KEY", "change-me")
app.config["PAGE_KEY"] = os.getenv("PAGE_KEY", "page")
