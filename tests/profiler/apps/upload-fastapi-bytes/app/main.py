from fastapi import FastAPI, File, Form

app = FastAPI()


@app.post("/read")
def read(data: bytes = File(...), name: str = Form("")):
    return len(data)
