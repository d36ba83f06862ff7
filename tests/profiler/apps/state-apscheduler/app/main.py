from contextlib import asynccontextmanager

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from fastapi import FastAPI

scheduler = AsyncIOScheduler()


def send_reminders():
    print("reminded")


@asynccontextmanager
async def lifespan(app: FastAPI):
    scheduler.add_job(send_reminders, "interval", hours=1)
    scheduler.start()
    yield
    scheduler.shutdown()


app = FastAPI(lifespan=lifespan)


@app.get("/")
def index():
    return {}
