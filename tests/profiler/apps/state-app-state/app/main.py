from fastapi import FastAPI, Request

app = FastAPI()
app.state.carts = {}


@app.post("/cart/{user}")
def put(user: str, request: Request):
    request.app.state.carts[user] = "tea"
    return {}
