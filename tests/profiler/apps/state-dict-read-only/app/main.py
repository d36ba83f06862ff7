from fastapi import FastAPI

app = FastAPI()
PRICES = {"tea": 3, "coffee": 4}
LOADED = []


def preload():
    LOADED.append(1)


@app.get("/price/{name}")
def price(name: str):
    found = {}
    found[name] = PRICES[name]
    return found
