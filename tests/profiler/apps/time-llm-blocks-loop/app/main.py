import anthropic
from fastapi import FastAPI

app = FastAPI()


class Writer:
    def __init__(self):
        self.client = anthropic.Anthropic()

    def write(self, topic):
        return self.client.messages.create(model="claude-sonnet-4-5", max_tokens=500, messages=[])


writer = Writer()


@app.get("/write")
async def write(topic: str):
    return writer.write(topic)
