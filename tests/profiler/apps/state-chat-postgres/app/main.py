import os

from fastapi import FastAPI
from langchain.memory import ConversationBufferMemory
from langchain_community.chat_message_histories import RedisChatMessageHistory
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.graph import StateGraph

app = FastAPI()
saver = PostgresSaver.from_conn_string(os.environ["DATABASE_URL"])
graph = StateGraph(dict).compile(checkpointer=saver)


@app.post("/chat")
def chat(text: str, thread: str):
    history = RedisChatMessageHistory(thread, url=os.environ["REDIS_URL"])
    memory = ConversationBufferMemory(chat_memory=history)
    return graph.invoke({"text": text, "memory": memory.buffer})
