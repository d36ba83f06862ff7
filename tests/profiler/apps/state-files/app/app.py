import json
from pathlib import Path

from flask import Flask, request

app = Flask(__name__)
USERS = "users.json"


def load():
    with open(USERS) as file:
        return json.load(file)


@app.post("/users")
def add():
    users = load() + [request.json]
    with open(USERS, "w") as file:
        json.dump(users, file)
    Path("report.html").write_text("<p>done</p>")
    with open("access.log", "a") as log:
        log.write("added")
    with open("names.csv", "a") as names:
        names.write("x")
    return "", 204
