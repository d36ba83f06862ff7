from flask import Flask

from tasks import summarise

app = Flask(__name__)


@app.post("/summaries")
def create():
    return {"task": summarise.delay("text").id}
