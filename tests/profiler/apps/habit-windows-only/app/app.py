import winsound

from flask import Flask

try:
    import msvcrt
except ImportError:
    msvcrt = None

app = Flask(__name__)


@app.get("/")
def index():
    winsound.Beep(440, 100)
    return "beep"
