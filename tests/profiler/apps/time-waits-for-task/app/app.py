from flask import Flask

from tasks import resize

app = Flask(__name__)


@app.post("/resize")
def start():
    result = resize.delay("a.png")
    return result.get()
