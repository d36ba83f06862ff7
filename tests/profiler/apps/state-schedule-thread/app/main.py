import asyncio
import threading
import time

import schedule
from fastapi import FastAPI

app = FastAPI()


def report():
    print("reported")


def clock():
    schedule.every().day.do(report)
    while True:
        schedule.run_pending()
        time.sleep(1)


async def sync_orders():
    while True:
        print("refreshed")
        await asyncio.sleep(60)


@app.on_event("startup")
async def start():
    threading.Thread(target=clock, daemon=True).start()
    asyncio.create_task(sync_orders())


@app.get("/")
def index():
    return {}
