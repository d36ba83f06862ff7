import os

import chromadb
import duckdb
import faiss
import lancedb
from fastapi import FastAPI
from qdrant_client import QdrantClient

app = FastAPI()
chroma = chromadb.HttpClient(host=os.environ["CHROMA_HOST"])
lance = lancedb.connect("s3://bucket/lance")
qdrant = QdrantClient(url=os.environ["QDRANT_URL"])
index = faiss.read_index("catalogue.faiss")


@app.get("/search")
def search(text: str):
    duckdb.connect(":memory:").execute("select 1")
    return index.ntotal
