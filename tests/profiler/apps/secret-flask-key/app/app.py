from flask import Flask, session

app = Flask(__name__)
app.secret_key = "dev"


@app.get("/")
def index():
    session["n"] = session.get("n", 0) + 1
    return str(session["n"])
