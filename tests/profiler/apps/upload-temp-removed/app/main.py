import os
import tempfile

from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/read")
def read(file: UploadFile):
    with tempfile.NamedTemporaryFile(delete=False) as kept:
        kept.write(file.file.read(1000))
    try:
        return os.path.getsize(kept.name)
    finally:
        os.unlink(kept.name)


@app.post("/other")
def other(file: UploadFile):
    with tempfile.TemporaryDirectory() as folder:
        return folder
