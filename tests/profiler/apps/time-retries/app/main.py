import backoff
import stamina
from fastapi import FastAPI
from openai import AsyncOpenAI
from tenacity import retry, stop_after_attempt, wait_exponential

app = FastAPI()
client = AsyncOpenAI(timeout=30)


@retry(stop=stop_after_attempt(4), wait=wait_exponential(multiplier=1, min=4, max=10))
async def ask(text):
    return await client.responses.create(model="gpt-4o-mini", input=text)


@backoff.on_exception(backoff.expo, ValueError, max_tries=3)
async def ask_again(text):
    return await ask(text)


@stamina.retry(on=ValueError)
async def ask_more(text):
    return await ask_again(text)


@retry(wait=wait_exponential())
async def ask_for_ever(text):
    return await ask_more(text)


@app.get("/ask")
async def handler(text: str):
    return await ask_for_ever(text)
