import shutil

from fastapi import FastAPI, UploadFile
from fastapi.staticfiles import StaticFiles

app = FastAPI()
app.mount("/files", StaticFiles(directory="uploads"))


@app.post("/files")
def keep(file: UploadFile):
    with open("uploads/latest", "wb") as target:
        shutil.copyfileobj(file.file, target)
    return {}
