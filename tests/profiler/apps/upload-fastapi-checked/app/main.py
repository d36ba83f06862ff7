from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, File, HTTPException, UploadFile

app = FastAPI()
FOLDER = Path("uploads")


@app.post("/store")
async def store(file: Annotated[UploadFile, File()]):
    if file.size > 10_000_000:
        raise HTTPException(413)
    name = Path(file.filename).name
    (FOLDER / name).write_bytes(await file.read())
    return {"filename": file.filename}
