from flask import Flask

app = Flask(__name__)
latest = None
mode = "a"
mode = "b"


def configure():
    global mode
    mode = "c"


configure()


@app.get("/")
def index():
    latest = 1
    return str(latest)
