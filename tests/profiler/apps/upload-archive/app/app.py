import tarfile
import zipfile

from flask import Flask, request

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 1_000_000


@app.post("/zip")
def unzip():
    with zipfile.ZipFile(request.files["file"]) as archive:
        archive.extractall("data")


@app.post("/tar")
def untar():
    tarfile.open(fileobj=request.files["file"]).extractall("data")


@app.post("/checked")
def checked():
    with zipfile.ZipFile(request.files["file"]) as archive:
        if sum(member.file_size for member in archive.infolist()) < 1_000_000:
            archive.extractall("data")
    with tarfile.open(fileobj=request.files["other"]) as archive:
        archive.extractall("data", filter="data")
