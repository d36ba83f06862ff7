from flask import Flask, request

app = Flask(__name__)


class Folder:
    files = ["a", "b"]


@app.post("/names")
def names():
    folder = Folder()
    return {"files": folder.files, "name": request.form["name"]}
