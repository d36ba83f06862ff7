from contextlib import asynccontextmanager

from fastapi import FastAPI
from sentence_transformers import SentenceTransformer
from transformers import AutoModel

NAME = "sentence-transformers/all-MiniLM-L6-v2"
encoder = SentenceTransformer(NAME)
state = {}


@asynccontextmanager
async def lifespan(app):
    state["model"] = AutoModel.from_pretrained("bert-base-uncased")
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/embed")
def embed(text: str):
    return encoder.encode(text).tolist()
