import asyncio
import subprocess

import httpx
import requests
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

app = FastAPI()


def fetch(url):
    return requests.get(url, timeout=5)


def pieces():
    yield requests.get("https://api.example.com/a", timeout=5).content


@app.get("/a")
async def a():
    return await run_in_threadpool(fetch, "https://api.example.com/a")


@app.get("/b")
async def b():
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, lambda: requests.get("https://b.example.com", timeout=5))


@app.get("/c")
async def c():
    async with httpx.AsyncClient() as client:
        return (await client.get("https://c.example.com")).json()


@app.get("/d")
def d():
    return fetch("https://d.example.com").text


@app.get("/e")
async def e():
    process = await asyncio.create_subprocess_exec("ls")
    await process.wait()
    return StreamingResponse(pieces())
