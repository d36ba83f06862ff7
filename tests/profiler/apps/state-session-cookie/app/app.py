from flask import Flask, session

app = Flask(__name__)
app.secret_key = "not-a-real-key"


@app.get("/")
def index():
    session["seen"] = session.get("seen", 0) + 1
    session.setdefault("items", []).append("x")
    return "hello"
