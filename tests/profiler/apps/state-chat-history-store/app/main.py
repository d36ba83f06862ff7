from fastapi import FastAPI
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_openai import ChatOpenAI

app = FastAPI()
store = {}


def get_session_history(session_id: str):
    if session_id not in store:
        store[session_id] = InMemoryChatMessageHistory()
    return store[session_id]


chain = RunnableWithMessageHistory(ChatOpenAI(), get_session_history)


@app.post("/chat")
def chat(text: str, session: str):
    return chain.invoke(text, config={"configurable": {"session_id": session}})
