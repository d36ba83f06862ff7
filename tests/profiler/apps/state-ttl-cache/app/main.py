from functools import lru_cache

import requests
from cachetools import TTLCache
from fastapi import FastAPI

app = FastAPI()
quotes = TTLCache(maxsize=100, ttl=60)


@lru_cache(maxsize=512)
def weather(city: str):
    return requests.get(f"https://weather.test/{city}", timeout=3).json()


@lru_cache(maxsize=512)
def square(number: int):
    return number * number


@lru_cache
def settings():
    return {"debug": False}


@app.get("/{city}")
def show(city: str):
    settings()
    quotes[city] = square(len(city))
    return weather(city)
