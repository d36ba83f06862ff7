import jwt
from fastapi import FastAPI
from starlette.middleware.sessions import SessionMiddleware

app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key="something")


@app.get("/token")
def token():
    return jwt.encode({"sub": "anna"}, "my-signing-word", algorithm="HS256")
