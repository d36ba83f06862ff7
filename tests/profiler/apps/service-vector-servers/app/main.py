import os

import chromadb
import weaviate
from fastapi import FastAPI
from langchain_postgres import PGVector
from pinecone import Pinecone
from qdrant_client import QdrantClient

app = FastAPI()
chroma = chromadb.HttpClient(host=os.environ["CHROMA_HOST"])
qdrant = QdrantClient(url=os.environ["QDRANT_URL"])
pinecone = Pinecone(api_key=os.environ["PINECONE_API_KEY"])
client = weaviate.connect_to_custom(http_host=os.environ["WEAVIATE_HOST"])
vectors = PGVector(connection=os.environ["POSTGRES_URL"], embeddings=None)
