from collections import Counter, deque

from flask import Flask

app = Flask(__name__)
request_counts = Counter()
recent = deque(maxlen=100)


@app.before_request
def count():
    request_counts.update(["all"])
    recent.append("x")


@app.get("/")
def index():
    return dict(request_counts)
