import secrets

from fastapi import FastAPI, Header, HTTPException

app = FastAPI()
tokens = {}


@app.post("/login")
def login(user: str):
    token = secrets.token_hex()
    tokens[token] = user
    return {"token": token}


@app.get("/me")
def me(authorization: str = Header()):
    if authorization not in tokens:
        raise HTTPException(401)
    return tokens[authorization]
