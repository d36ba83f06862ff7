import logging

from flask import Flask
from openai import OpenAI

logging.basicConfig(level=logging.DEBUG)
app = Flask(__name__)
client = OpenAI(timeout=5)


@app.get("/ask")
def ask():
    print("asked")
    try:
        client.responses.create(model="gpt-4o-mini", input="hello")
    except Exception:
        app.logger.exception("no answer")
    try:
        int("x")
    except Exception:
        pass
    return "asked"
