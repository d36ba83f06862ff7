from celery import Celery
from openai import OpenAI

celery = Celery(broker="redis://broker:6379/0")
client = OpenAI()


@celery.task
def summarise(text):
    return client.chat.completions.create(model="gpt-4o-mini", messages=[]).id
