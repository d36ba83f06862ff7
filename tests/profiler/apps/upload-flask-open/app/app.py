import os

from flask import Flask, request

app = Flask(__name__)


@app.post("/upload")
def upload():
    file = request.files["file"]
    path = os.path.join("uploads", file.filename)
    file.save(path)
    return "saved"
