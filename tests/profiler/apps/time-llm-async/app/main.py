from fastapi import FastAPI
from openai import AsyncOpenAI

app = FastAPI()
client = AsyncOpenAI()


@app.post("/ask")
async def ask(question: str):
    reply = await client.responses.create(model="gpt-4o-mini", input=question)
    return reply.output_text
