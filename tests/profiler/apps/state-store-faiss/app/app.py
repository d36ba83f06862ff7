from flask import Flask, request
from langchain_community.vectorstores import FAISS
from langchain_openai import OpenAIEmbeddings

app = Flask(__name__)


@app.post("/documents")
def add():
    store = FAISS.from_texts([request.json["text"]], OpenAIEmbeddings())
    store.save_local("index")
    return "", 204
