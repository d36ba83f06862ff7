import chromadb
import lancedb
from fastapi import FastAPI

app = FastAPI()
chroma = chromadb.PersistentClient(path="./chroma")
lance = lancedb.connect("data/lance")


@app.post("/documents")
def add(text: str):
    chroma.get_or_create_collection("docs").add(ids=["1"], documents=[text])
    return {}
