import io
import os
import tempfile

import pandas
from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/convert")
async def convert(file: UploadFile):
    with tempfile.NamedTemporaryFile(suffix=".pdf") as scratch:
        scratch.write(await file.read())
    path = f"/tmp/{os.getpid()}.txt"
    with open(path, "w") as out:
        out.write("x")
    os.remove(path)
    buffer = io.BytesIO()
    pandas.DataFrame().to_csv(buffer)
    return pandas.DataFrame().to_csv()
