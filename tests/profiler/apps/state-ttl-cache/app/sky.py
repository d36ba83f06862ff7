from functools import lru_cache

import requests


@lru_cache(maxsize=512)
def weather(city: str):
    return requests.get(f"https://weather.test/{city}", timeout=3).json()


@lru_cache(maxsize=512)
def square(number: int):
    return number * number


@lru_cache
def settings():
    return {"debug": False}
