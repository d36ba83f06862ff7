import os

from fastapi import FastAPI

app = FastAPI(debug=True)
inner = FastAPI(debug=os.environ.get("DEBUG") == "1")
app.mount("/inner", inner)


@app.get("/api/v1/health")
def health():
    return "ok"
