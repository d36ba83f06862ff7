import pickle

import joblib
from flask import Flask, request

app = Flask(__name__)


@app.post("/a")
def direct():
    upload = request.files["model"]
    return str(pickle.load(upload.stream))


@app.post("/b")
def by_disk():
    upload = request.files["model"]
    path = "/tmp/model.joblib"
    upload.save(path)
    return str(joblib.load(path))
