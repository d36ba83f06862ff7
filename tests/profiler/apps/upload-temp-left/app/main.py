import tempfile

from fastapi import FastAPI, UploadFile

app = FastAPI()
MAX_UPLOAD_SIZE = 10 * 1024 * 1024


@app.post("/read")
def read(file: UploadFile):
    kept = tempfile.NamedTemporaryFile(delete=False, suffix=".pdf")
    kept.write(file.file.read(MAX_UPLOAD_SIZE))
    return kept.name
