from flask import Flask, request

from store import Store, brief, lasting

app = Flask(__name__)
orders: Store = lasting()


@app.post("/<key>")
def write(key: str) -> str:
    scratch = brief()
    scratch.save(key, request.form["text"])
    orders.save(key, request.form["text"])
    return key
