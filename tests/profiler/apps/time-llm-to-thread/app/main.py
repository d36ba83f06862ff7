import asyncio

import anthropic
from fastapi import FastAPI

app = FastAPI()
client = anthropic.Anthropic()


def ask_claude(topic):
    return client.messages.create(model="claude-sonnet-4-5", max_tokens=500, messages=[])


@app.get("/write")
async def write(topic: str):
    return await asyncio.to_thread(ask_claude, topic)


@app.get("/also")
def also(topic: str):
    return ask_claude(topic)
