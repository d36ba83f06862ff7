from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

app = FastAPI()


@app.get("/api/items")
def items():
    return []


app.mount("/", StaticFiles(directory="frontend/dist", html=True), name="ui")
