from flask import Flask
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

app = Flask(__name__)
prompt = ChatPromptTemplate.from_template("A joke about {topic}")
chain = prompt | ChatOpenAI(model="gpt-4o-mini") | StrOutputParser()


@app.get("/joke/<topic>")
def joke(topic):
    shown = prompt.invoke({"topic": topic})
    return chain.invoke({"topic": topic})
