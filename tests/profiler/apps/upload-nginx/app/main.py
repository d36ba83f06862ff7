from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/read")
async def read(file: UploadFile):
    return file.filename
