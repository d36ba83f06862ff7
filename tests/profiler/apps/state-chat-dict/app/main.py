from fastapi import FastAPI
from openai import OpenAI

app = FastAPI()
client = OpenAI()
sessions = {}


@app.post("/chat/{session_id}")
def chat(session_id: str, text: str):
    messages = sessions.setdefault(session_id, [])
    sessions[session_id].append({"role": "user", "content": text})
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
    return answer.choices[0].message.content
