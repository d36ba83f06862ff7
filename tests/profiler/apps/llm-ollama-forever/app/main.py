import ollama
from fastapi import FastAPI

app = FastAPI()


@app.post("/ask")
def ask(text: str):
    return ollama.chat(model="llama3", messages=[{"role": "user", "content": text}])
