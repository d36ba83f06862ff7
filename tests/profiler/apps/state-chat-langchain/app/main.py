from fastapi import FastAPI
from langchain.memory import ConversationBufferMemory
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import StateGraph

app = FastAPI()
memory = ConversationBufferMemory()
graph = StateGraph(dict).compile(checkpointer=MemorySaver())


@app.post("/chat")
def chat(text: str, thread: str):
    return graph.invoke({"text": text}, {"configurable": {"thread_id": thread}})
