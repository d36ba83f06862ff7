from fastapi import FastAPI

from .service import service

app = FastAPI()


@app.post("/jobs")
async def create(job: dict):
    service.submit(job)
    return {"ok": True}
