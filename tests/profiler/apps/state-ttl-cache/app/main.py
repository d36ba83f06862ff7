from cachetools import TTLCache
from fastapi import FastAPI

from sky import settings, square, weather

app = FastAPI()
quotes = TTLCache(maxsize=100, ttl=60)


@app.get("/{city}")
def show(city: str):
    settings()
    quotes[city] = square(len(city))
    return weather(city)
