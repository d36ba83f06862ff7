import shutil
from pathlib import Path

from fastapi import FastAPI, UploadFile

app = FastAPI()
FOLDER = Path("uploads")


@app.post("/read")
async def read(file: UploadFile):
    data = await file.read()
    return len(data)


@app.post("/store")
async def store(files: list[UploadFile]):
    for file in files:
        with open(FOLDER / file.filename, "wb") as out:
            shutil.copyfileobj(file.file, out)
