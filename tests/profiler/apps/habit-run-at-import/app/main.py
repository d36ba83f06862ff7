import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def index():
    return "hello"


uvicorn.run(app, port=8000)
