import anthropic
from fastapi import FastAPI
from groq import Groq
from openai import AsyncOpenAI

app = FastAPI()
client = AsyncOpenAI(timeout=30, max_retries=1)
other = anthropic.Anthropic()
third = Groq()


@app.post("/ask")
async def ask(text: str):
    return other.messages.create(model="claude-3-5-haiku-latest", max_tokens=99, timeout=20)
