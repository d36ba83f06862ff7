from flask import Flask, request

from assistant import answer

app = Flask(__name__)


@app.post("/ask")
def ask():
    return {"answer": answer(request.json["question"])}
