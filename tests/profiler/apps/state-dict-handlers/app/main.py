from fastapi import FastAPI, HTTPException

app = FastAPI()
orders: dict[int, dict] = {}


@app.post("/orders/{number}")
def place(number: int, order: dict):
    if number in orders:
        raise HTTPException(409)
    orders[number] = order
    return order


@app.get("/orders/{number}")
def show(number: int):
    return orders[number]
