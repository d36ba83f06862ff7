import os

from flask import Flask
from openai import OpenAI

app = Flask(__name__)
client = OpenAI(timeout=5)


@app.get("/ask")
def ask():
    print("asked")
    os.system("rm -f answer.txt")
    try:
        client.responses.create(model="gpt-4o-mini", input="hello")
    except Exception:
        pass
    return "asked"
