from flask import Flask
from flask_wtf import CSRFProtect

app = Flask(__name__)
app.config["WTF_CSRF_ENABLED"] = False
CSRFProtect(app)


class TestConfig:
    WTF_CSRF_ENABLED = False


@app.get("/")
def index():
    return "hello"
