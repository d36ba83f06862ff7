import time
from collections import defaultdict

from fastapi import FastAPI, HTTPException, Request

app = FastAPI()
login_attempts = defaultdict(list)


@app.post("/login")
def login(request: Request):
    tries = login_attempts[request.client.host]
    login_attempts[request.client.host].append(time.time())
    if len(tries) > 5:
        raise HTTPException(429)
    return {}
