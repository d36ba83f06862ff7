import os
import uuid

from flask import Flask, request
from werkzeug.utils import secure_filename

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 16 * 1024 * 1024


@app.post("/upload")
def upload():
    file = request.files["file"]
    if not file.filename.endswith(".pdf"):
        return "no", 400
    file.save(os.path.join("uploads", secure_filename(file.filename)))
    return "saved"


@app.post("/many")
def many():
    for file in request.files.getlist("files"):
        suffix = os.path.splitext(file.filename)[1]
        file.save(os.path.join("uploads", uuid.uuid4().hex + suffix))
    return file.filename
