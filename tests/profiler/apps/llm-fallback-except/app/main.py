import litellm
from fastapi import FastAPI

app = FastAPI()


def ask(messages):
    try:
        return litellm.completion(model="openai/gpt-4o", messages=messages)
    except litellm.APIError:
        return litellm.completion(model="anthropic/claude-3-5-haiku-latest", messages=messages)


def other(messages):
    return litellm.completion(
        model="gemini/gemini-2.0-flash", messages=messages, fallbacks=["groq/llama-3.1-8b-instant"]
    )
