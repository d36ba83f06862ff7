from flask import Flask
from invoke import Context
from langchain_community.vectorstores import FAISS
from langchain_openai import OpenAIEmbeddings

app = Flask(__name__)
retriever = FAISS.load_local("index", OpenAIEmbeddings()).as_retriever()


class Machine:
    def invoke(self, name):
        return name

    def create(self, **fields):
        return fields


machine = Machine()


@app.get("/find")
def find():
    found = retriever.invoke("ships")
    return machine.invoke(machine.create(name="x"))
