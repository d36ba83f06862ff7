import chromadb
from fastapi import FastAPI
from langchain_chroma import Chroma
from pymilvus import MilvusClient
from qdrant_client import QdrantClient

app = FastAPI()
chroma = chromadb.PersistentClient(path="chroma")
store = Chroma(persist_directory="chroma")
milvus = MilvusClient("milvus.db")
qdrant = QdrantClient(":memory:")
