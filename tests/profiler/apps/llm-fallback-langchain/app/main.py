from fastapi import FastAPI
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

app = FastAPI()
first = ChatOpenAI(model="gpt-4o", timeout=30)
second = ChatAnthropic(model="claude-3-5-haiku-latest", timeout=30)
llm = first.with_fallbacks([second])
