from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def home():
    return {"ok": True}

from sentence_transformers import SentenceTransformer

model = SentenceTransformer("all-MiniLM-L6-v2")
