import logging

from fastapi import BackgroundTasks, FastAPI
from openai import OpenAI

app = FastAPI()
client = OpenAI()


def summarise(text: str):
    client.responses.create(model="gpt-4o-mini", input=text)


def note(text: str):
    logging.info(text)


@app.post("/summaries")
def summary(text: str, background_tasks: BackgroundTasks):
    background_tasks.add_task(summarise, text)
    background_tasks.add_task(note, text)
    return {}
